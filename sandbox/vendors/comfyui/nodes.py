"""The nodes that the server has: what they take, as it tells them, and what they do with it."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image

from sandbox.pictures.landscapes import landscape
from sandbox.pictures.upscaling import UNREADABLE, WorkFailedError

LARGEST: Final = 4096  #: pixels of a side
LINK_LENGTH: Final = 2  #: the node, and which of its results
NUMBERS: Final[Mapping[str, type[int | float]]] = {"INT": int, "FLOAT": float}
SAMPLERS: Final = ["euler", "euler_ancestral", "dpmpp_2m"]
METHODS: Final[Mapping[str, Image.Resampling]] = {
    "nearest-exact": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

_SIZE: Final = ["INT", {"default": 512, "min": 16, "max": 16384, "step": 8}]
_MODEL: Final = ["MODEL"]
_SEED: Final = {"default": 0, "min": 0, "max": 2**64 - 1, "control_after_generate": True}

#: What each class of nodes requires, as `/object_info` tells it; SaveImage alone has results to keep.
INPUTS: Final[Mapping[str, Mapping[str, list[Any]]]] = {
    "CheckpointLoaderSimple": {"ckpt_name": [["v1-5-pruned-emaonly.safetensors", "landscapes.safetensors"], {}]},
    "CLIPTextEncode": {"text": ["STRING", {"multiline": True, "tooltip": "The text to be encoded."}], "clip": ["CLIP"]},
    "EmptyLatentImage": {"width": _SIZE, "height": _SIZE, "batch_size": ["INT", {"default": 1, "min": 1, "max": 64}]},
    "KSampler": {
        "model": _MODEL,
        "seed": ["INT", _SEED],
        "steps": ["INT", {"default": 20, "min": 1, "max": 10000}],
        "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0}],
        "sampler_name": [SAMPLERS, {}],
        "scheduler": [["normal", "karras"], {}],
        "positive": ["CONDITIONING"],
        "negative": ["CONDITIONING"],
        "latent_image": ["LATENT"],
        "denoise": ["FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0}],
    },
    "VAEDecode": {"samples": ["LATENT"], "vae": ["VAE"]},
    "LoadImage": {"image": [["example.png"], {"image_upload": True}]},
    "ImageScaleBy": {
        "image": ["IMAGE"],
        "upscale_method": ["COMBO", {"options": list(METHODS)}],
        "scale_by": ["FLOAT", {"default": 1.0, "min": 0.01, "max": 8.0}],
    },
    "SaveImage": {"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "ComfyUI"}]},
}

Graph = Mapping[str, Mapping[str, Any]]
ReadInput = Callable[[str], bytes | None]


def object_info(kind: str) -> dict[str, Any]:
    """Empty for a class that there is none of."""
    if kind not in INPUTS:
        return {}
    return {kind: {"input": {"required": INPUTS[kind]}, "name": kind, "output_node": kind == "SaveImage"}}


@dataclass(frozen=True)
class Wrong:
    """What is wrong with an input of a node."""

    node: str
    type: str
    message: str
    details: str


def wrong_inputs(graph: Graph, has_input: Callable[[str], bool]) -> Iterator[Wrong]:
    """Of nodes whose classes are known."""
    for key, node in graph.items():
        for name, declared in INPUTS[node["class_type"]].items():
            if name not in node["inputs"]:
                yield Wrong(key, "required_input_missing", "Required input is missing", name)
            elif _is_link(node["inputs"][name]):
                if node["inputs"][name][0] not in graph:
                    message = "Exception when validating inner node"
                    yield Wrong(key, "exception_during_inner_validation", message, name)
            else:
                yield from _wrong_value(key, name, declared, node["inputs"][name], has_input)


def _wrong_value(
    key: str, name: str, declared: list[Any], value: Any, has_input: Callable[[str], bool]
) -> Iterator[Wrong]:
    options = declared[1] if len(declared) > 1 else {}
    choices = declared[0] if isinstance(declared[0], list) else options.get("options")
    if options.get("image_upload"):
        if not has_input(str(value)):
            yield Wrong(key, "custom_validation_failed", "Custom validation failed", f"{name} - Invalid file: {value}")
    elif (kind := NUMBERS.get(str(declared[0]))) and not _is_number(value, kind):
        yield Wrong(key, "invalid_input_type", f"Failed to convert an input value to a {declared[0]} value", name)
    elif choices is not None and value not in choices:
        yield Wrong(key, "value_not_in_list", "Value not in list", f"{name}: '{value}' not in {choices}")
    elif "min" in options and kind and kind(value) < options["min"]:
        yield Wrong(key, "value_smaller_than_min", f"Value {value} smaller than min of {options['min']}", name)
    elif "max" in options and kind and kind(value) > options["max"]:
        yield Wrong(key, "value_bigger_than_max", f"Value {value} bigger than max of {options['max']}", name)


def _is_number(value: Any, kind: type[int | float]) -> bool:
    """As the real server has it: whatever can be made a number."""
    try:
        kind(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _is_link(value: object) -> bool:
    return isinstance(value, list) and len(value) == LINK_LENGTH and isinstance(value[0], str)


def saved(graph: Graph, read_input: ReadInput) -> dict[str, tuple[str, Image.Image]]:
    """By the key of each node that saves: the prefix of the file's name, and the picture. Raises WorkFailedError."""
    return {
        key: (str(node["inputs"]["filename_prefix"]), _picture(graph, node["inputs"]["images"][0], read_input))
        for key, node in graph.items()
        if node["class_type"] == "SaveImage"
    }


def _picture(graph: Graph, key: str, read_input: ReadInput) -> Image.Image:
    inputs = graph[key]["inputs"]
    match graph[key]["class_type"]:
        case "LoadImage":
            return _loaded(read_input(inputs["image"]))
        case "ImageScaleBy":
            picture = _picture(graph, inputs["image"][0], read_input)
            size = tuple(min(max(round(side * float(inputs["scale_by"])), 1), LARGEST) for side in picture.size)
            return picture.resize((size[0], size[1]), METHODS[inputs["upscale_method"]])
        case "VAEDecode":
            return _sampled(graph, graph[inputs["samples"][0]]["inputs"])
        case other:
            raise WorkFailedError(f"{other} makes no picture")


def _loaded(content: bytes | None) -> Image.Image:
    try:
        with Image.open(io.BytesIO(content or b"")) as picture:
            return picture.convert("RGB")
    except UNREADABLE as unreadable:
        raise WorkFailedError(f"cannot identify image file: {unreadable}") from unreadable


def _sampled(graph: Graph, sampler: Mapping[str, Any]) -> Image.Image:
    prompt = graph[sampler["positive"][0]]["inputs"]["text"]
    latent = graph[sampler["latent_image"][0]]["inputs"]
    size = min(int(latent["width"]), LARGEST), min(int(latent["height"]), LARGEST)
    return landscape(f"{prompt}/{sampler['seed']}", size)
