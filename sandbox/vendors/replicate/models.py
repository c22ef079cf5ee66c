"""The models of the simulated Replicate, in the format of Replicate's API."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import JsonValue

from sandbox.pictures.landscapes import encoded, landscape, size_of
from sandbox.pictures.upscaling import Format, Sharpening, UpscaleOptions
from sandbox.vendors.replicate.prediction import output_name

Schema = Mapping[str, Any]


def _choice(title: str, default: str, choices: list[str]) -> dict[str, Any]:
    return {"type": "string", "title": title, "default": default, "enum": choices}


def _fraction(title: str, default: float) -> dict[str, Any]:
    return {"type": "number", "title": title, "default": default, "minimum": 0, "maximum": 1}


SHARPENING: Final[Mapping[str, Sharpening]] = {
    "Standard V2": Sharpening(radius=1.5, amount=40),
    "Low Resolution V2": Sharpening(radius=2.5, amount=70),
    "CGI": Sharpening(radius=1.0, amount=90),
    "High Fidelity V2": Sharpening(radius=1.0, amount=25),
    "Text Refine": Sharpening(radius=0.8, amount=120),
}
FACTORS: Final[Mapping[str, int]] = {"None": 1, "2x": 2, "4x": 4, "6x": 6}

IMAGE_UPSCALE_INPUT: Final[Schema] = {
    "type": "object",
    "title": "Input",
    "required": ["image"],
    "properties": {
        "image": {"type": "string", "title": "Image", "format": "uri"},
        "enhance_model": _choice("Enhance Model", "Standard V2", list(SHARPENING)),
        "upscale_factor": _choice("Upscale Factor", "None", list(FACTORS)),
        "output_format": _choice("Output Format", "jpg", ["jpg", "png"]),
        "subject_detection": _choice("Subject Detection", "None", ["None", "All", "Foreground", "Background"]),
        "face_enhancement": {"type": "boolean", "title": "Face Enhancement", "default": False},
        "face_enhancement_creativity": _fraction("Face Enhancement Creativity", 0),
        "face_enhancement_strength": _fraction("Face Enhancement Strength", 0.8),
    },
}


ASPECT_RATIOS: Final[Mapping[str, float]] = {"1:1": 1.0, "16:9": 16 / 9, "3:2": 1.5, "2:3": 2 / 3, "9:16": 9 / 16}

FLUX_SCHNELL_INPUT: Final[Schema] = {
    "type": "object",
    "title": "Input",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "title": "Prompt", "x-order": 0, "description": "Prompt for generated image"},
        "aspect_ratio": _choice("aspect_ratio", "1:1", list(ASPECT_RATIOS)) | {"x-order": 1},
        "num_outputs": {
            "type": "integer",
            "title": "Num Outputs",
            "default": 1,
            "minimum": 1,
            "maximum": 4,
            "x-order": 2,
            "description": "Number of outputs to generate",
        },
        "seed": {"type": "integer", "title": "Seed", "x-order": 3, "description": "Random seed"},
        "output_format": _choice("output_format", "webp", ["webp", "jpg", "png"]) | {"x-order": 4},
        "go_fast": {"type": "boolean", "title": "Go Fast", "default": True, "x-order": 5},
    },
}

HELLO_WORLD_INPUT: Final[Schema] = {
    "type": "object",
    "title": "Input",
    "required": ["text"],
    "properties": {
        "text": {"type": "string", "title": "Text", "x-order": 0, "description": "Text to prefix with 'hello '"}
    },
}

ONE_LINK: Final[Schema] = {"type": "string", "title": "Output", "format": "uri"}
LINKS: Final[Schema] = {"type": "array", "title": "Output", "items": {"type": "string", "format": "uri"}}
TEXT: Final[Schema] = {"type": "string", "title": "Output"}


class Work(StrEnum):
    """What a model does."""

    UPSCALE = "upscale"
    DRAW = "draw"
    GREET = "greet"


def _published(name: str, declared: Schema) -> dict[str, Any]:
    """Choices are published as a schema of their own, which the parameter refers to."""
    if "enum" not in declared:
        return dict(declared)
    kept = {key: value for key, value in declared.items() if key in ("default", "description", "x-order")}
    return {"allOf": [{"$ref": f"#/components/schemas/{name}"}], **kept}


def _choices_of(declared: Schema) -> dict[str, Any]:
    return {"type": "string", "title": declared["title"], "enum": declared["enum"], "description": "An enumeration."}


@dataclass(frozen=True, kw_only=True)
class ReplicateModel:
    """A model, with the schema of its inputs."""

    owner: str
    name: str
    description: str
    version: str
    created_at: str
    input_schema: Schema
    output_schema: Schema
    work: Work
    is_official: bool = True
    example: Mapping[str, Any] | None = None

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def version_document(self) -> dict[str, Any]:
        properties: Mapping[str, Schema] = self.input_schema["properties"]
        published = {name: _published(name, declared) for name, declared in properties.items()}
        choices = {name: _choices_of(declared) for name, declared in properties.items() if "enum" in declared}
        schemas = {"Input": {**self.input_schema, "properties": published}, "Output": self.output_schema, **choices}
        return {
            "id": self.version,
            "created_at": self.created_at,
            "cog_version": "0.23.1",
            "openapi_schema": {"openapi": "3.0.2", "components": {"schemas": schemas}},
        }

    def document(self, *, run_count: int) -> dict[str, Any]:
        return {
            "url": f"https://replicate.com/{self.full_name}",
            "owner": self.owner,
            "name": self.name,
            "description": self.description,
            "visibility": "public",
            "is_official": self.is_official,
            "github_url": None,
            "paper_url": None,
            "license_url": None,
            "run_count": run_count,
            "cover_image_url": None,
            "default_example": self.example,
            "latest_version": self.version_document(),
        }


IMAGE_UPSCALE: Final = ReplicateModel(
    owner="topazlabs",
    name="image-upscale",
    description="Professional-grade image upscaling, from Topaz Labs",
    version="2fdc3b86a01d338ae89ad58e5d9241398a8a01de9b0dda41ba8a0434c8a00dc3",
    created_at="2025-04-25T17:23:43.011894Z",
    input_schema=IMAGE_UPSCALE_INPUT,
    output_schema=ONE_LINK,
    work=Work.UPSCALE,
)
FLUX_SCHNELL: Final = ReplicateModel(
    owner="black-forest-labs",
    name="flux-schnell",
    description="The fastest image generation model tailored for local development and personal use",
    version="c846a69991daf4c0e5d016514849d14ee5b2e6846ce6b9d6f21369e564cfe51e",
    created_at="2024-07-29T20:56:52.119462Z",
    input_schema=FLUX_SCHNELL_INPUT,
    output_schema=LINKS,
    work=Work.DRAW,
    example={"output": ["https://replicate.delivery/example/out-0.webp"]},
)
HELLO_WORLD: Final = ReplicateModel(
    owner="replicate",
    name="hello-world",
    description="A tiny model that says hello",
    version="5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa",
    created_at="2022-04-26T19:29:04.418669Z",
    input_schema=HELLO_WORLD_INPUT,
    output_schema=TEXT,
    work=Work.GREET,
    is_official=False,
)
MODELS: Final[Mapping[str, ReplicateModel]] = {
    model.full_name: model for model in (IMAGE_UPSCALE, FLUX_SCHNELL, HELLO_WORLD)
}


def model_for_version(version: str) -> ReplicateModel | None:
    """By version id, `owner/name` or `owner/name:version id`."""
    name, _, version_id = version.partition(":") if "/" in version else ("", "", version)
    for model in MODELS.values():
        if name in ("", model.full_name) and version_id in (model.version, "" if name else model.version):
            return model
    return None


def upscale_options(inputs: Mapping[str, JsonValue], *, max_pixels: int) -> UpscaleOptions:
    """The options of a valid image-upscale input."""
    target: Format = "png" if inputs.get("output_format") == "png" else "jpg"
    return UpscaleOptions(
        factor=FACTORS[str(inputs.get("upscale_factor", "None"))],
        sharpening=SHARPENING[str(inputs.get("enhance_model", "Standard V2"))],
        format=target,
        max_pixels=max_pixels,
    )


def drawn(inputs: Mapping[str, JsonValue]) -> tuple[list[str], list[bytes]]:
    """The files of a valid flux-schnell input, with their names. Blocking; equal prompts and seeds give equal files."""
    ending = str(inputs.get("output_format", "webp"))
    size = size_of(ASPECT_RATIOS[str(inputs.get("aspect_ratio", "1:1"))])
    numbers = range(int(str(inputs.get("num_outputs", 1))))
    seeds = [f"{inputs['prompt']}/{inputs.get('seed')}/{number}" for number in numbers]
    return [output_name(ending, number) for number in numbers], [encoded(landscape(one, size), ending) for one in seeds]
