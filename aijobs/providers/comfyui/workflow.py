"""Workflows as models: a graph in ComfyUI's API format, whose nodes name their parameters in their titles.

`{seed} {steps}` in a title makes these inputs of the node parameters; `{prompt=text}` makes its input `text` the
parameter `prompt`. What is in the graph is the default; an empty text, and a file, must be given.
"""

import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from aijobs.domain.errors import BadInput
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.provider_io import ModelDescription

SAMPLES: Final = Path(__file__).parent / "samples"
MAX_FILE: Final = 150_000  #: characters
MAX_INTEGER: Final = 2**53 - 1  #: that JSON is safe with
MAX_SEED: Final = 2**48
LONGEST_RUN: Final = timedelta(hours=2)
NO_VERSION: Final = "latest"
SEEDS: Final = frozenset({"seed", "noise_seed"})
UPLOADS: Final = ("image_upload", "audio_upload", "video_upload")

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_MARK: Final = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)(?:=([A-Za-z0-9_.-]+))?\}")
_TYPES: Final[Mapping[str, str]] = {"INT": "integer", "FLOAT": "number", "STRING": "string", "BOOLEAN": "boolean"}
_KINDS: Final = (
    (OutputKind.VIDEO, re.compile(r"video|webm|animated", re.IGNORECASE)),
    (OutputKind.AUDIO, re.compile(r"audio", re.IGNORECASE)),
    (OutputKind.IMAGE, re.compile(r"image", re.IGNORECASE)),
)
_SAVES: Final = re.compile(r"save|preview|combine", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where a parameter goes: an input of a node."""

    parameter: str
    node: str
    input: str


Graph = Mapping[str, Mapping[str, Any]]


def graph_named(name: str, folder: Path | None) -> Graph:
    """The workflow in the operator's folder, or else of the samples. Raises BadInput."""
    if not _NAME.fullmatch(name):
        raise BadInput("A workflow is called as its file without .json, by letters, digits, _ and -.")
    found = [one for one in (folder, SAMPLES) if one is not None and (one / f"{name}.json").is_file()]
    if not found:
        known = {file.stem for one in (folder, SAMPLES) if one is not None for file in one.glob("*.json")}
        raise BadInput(
            f"There is no workflow {name} in AIJOBS_COMFYUI__WORKFLOWS. There are {', '.join(sorted(known))}."
        )
    try:
        written = (found[0] / f"{name}.json").read_text("utf-8")
        graph = json.loads(written) if len(written) <= MAX_FILE else None
    except (OSError, ValueError, RecursionError) as unreadable:
        raise BadInput(f"The workflow {name} cannot be read: {unreadable}.") from unreadable
    if graph is None and len(written) > MAX_FILE:
        raise BadInput(f"The workflow {name} has more than {MAX_FILE} characters.")
    if not isinstance(graph, dict) or not graph or not all(_is_node(node) for node in graph.values()):
        raise BadInput(f"The workflow {name} is not in the API format. In ComfyUI it is saved so by Export (API).")
    return graph


def _is_node(node: object) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)


def classes_in(graph: Graph) -> list[str]:
    return sorted({str(node["class_type"]) for node in graph.values()})


def described(name: str, graph: Graph, nodes: Mapping[str, Mapping[str, Any]]) -> ModelDescription:
    """`nodes` is what the server says of each class of nodes. Raises BadInput for a workflow that it cannot run."""
    properties: dict[str, Any] = {}
    for place in places_in(graph):
        node = graph[place.node]
        schema = _schema(place, node, nodes[str(node["class_type"])])
        properties.setdefault(place.parameter, {**schema, "x-order": len(properties)})
    if not properties:
        raise BadInput(f"No node of the workflow {name} names a parameter in its title, such as {{prompt=text}}.")
    kind = _output_kind(graph)
    return ModelDescription(
        model=name,
        model_version=NO_VERSION,
        title=name.replace("_", " "),
        description=f"The workflow {name} on ComfyUI",
        platform="ComfyUI",
        type=kind.value,
        output_kind=kind,
        input_schema={
            "type": "object",
            "properties": properties,
            "required": [name for name, schema in properties.items() if "default" not in schema],
            "workflow": {
                key: {part: node[part] for part in ("class_type", "inputs", "_meta") if part in node}
                for key, node in graph.items()
            },
        },
        processing=LONGEST_RUN,
    )


def places_in(graph: Graph) -> Iterator[Place]:
    """Raises BadInput for a title that names an input which the node has not, or which another node fills."""
    for key, node in graph.items():
        meta = node.get("_meta")
        title = meta.get("title") if isinstance(meta, dict) else None
        for parameter, named in _MARK.findall(title if isinstance(title, str) else ""):
            wanted = named or parameter
            if wanted not in node["inputs"] or isinstance(node["inputs"][wanted], list):
                raise BadInput(
                    f"Node {key} ({node['class_type']}) has no input {wanted} of its own, as its title says."
                )
            yield Place(parameter, key, wanted)


def _schema(place: Place, node: Mapping[str, Any], info: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a parameter, from what the server says of the input. Raises BadInput."""
    groups = info.get("input")
    declared = None
    for group in ("required", "optional"):
        inputs = groups.get(group) if isinstance(groups, dict) else None
        declared = declared or (inputs.get(place.input) if isinstance(inputs, dict) else None)
    if not isinstance(declared, list) or not declared:
        raise BadInput(f"The server knows no input {place.input} of {node['class_type']}.")
    options = declared[1] if len(declared) > 1 and isinstance(declared[1], dict) else {}
    description = {"description": options["tooltip"]} if isinstance(options.get("tooltip"), str) else {}
    if any(options.get(upload) for upload in UPLOADS):
        return {"type": "string", "format": "uri", **description}
    choices = declared[0] if isinstance(declared[0], list) else options.get("options")
    if isinstance(choices, list) and (declared[0] == "COMBO" or choices is declared[0]):
        return description | _choice(place, node["inputs"][place.input], choices)
    kind = _TYPES.get(str(declared[0]))
    if kind is None:
        raise BadInput(f"The input {place.input} of {node['class_type']} is {declared[0]}, which is no parameter.")
    return {"type": kind, **description, **_bounds(options), **_default(place, node["inputs"][place.input])}


def _choice(place: Place, present: object, choices: list[Any]) -> dict[str, Any]:
    if not choices:
        raise BadInput(f"The server has nothing to choose from for {place.parameter} ({place.input}).")
    return {"enum": choices, "default": present if present in choices else choices[0]}


def _bounds(options: Mapping[str, Any]) -> dict[str, Any]:
    named = {"minimum": options.get("min"), "maximum": options.get("max")}
    return {
        keyword: min(bound, MAX_INTEGER) if isinstance(bound, int) else bound
        for keyword, bound in named.items()
        if isinstance(bound, int | float) and not isinstance(bound, bool)
    }


def _default(place: Place, present: object) -> dict[str, Any]:
    """A seed is drawn for each job, and an empty text must be given."""
    if place.input in SEEDS:
        return {"default": None}
    return {} if present == "" else {"default": present}


def _output_kind(graph: Graph) -> OutputKind:
    saving = [str(node["class_type"]) for node in graph.values() if _SAVES.search(str(node["class_type"]))]
    kinds = {next((kind for kind, words in _KINDS if words.search(one)), OutputKind.OTHER) for one in saving}
    return kinds.pop() if len(kinds) == 1 else OutputKind.OTHER


def filled(graph: Graph, params: Mapping[str, Any], *, token: str) -> dict[str, Any]:
    """The graph with the parameters in their places.

    A seed that is not given is made of the token: the same graph again is answered from ComfyUI's cache.
    """
    ready = {
        key: {"class_type": node["class_type"], "inputs": copy.deepcopy(node["inputs"])} for key, node in graph.items()
    }
    for place in places_in(graph):
        value = params.get(place.parameter)
        if value is None and place.input in SEEDS:
            value = int.from_bytes(hashlib.sha256(token.encode()).digest()[:8]) % MAX_SEED
        if value is not None:
            ready[place.node]["inputs"][place.input] = value
    return ready
