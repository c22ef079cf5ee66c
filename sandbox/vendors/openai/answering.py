"""What a simulated model makes of a request: words that follow from its input, JSON of a schema, or a picture."""

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from PIL import Image

from sandbox.pictures.input_images import loaded
from sandbox.pictures.landscapes import encoded, landscape
from sandbox.pictures.upscaling import UNREADABLE, WorkFailedError
from sandbox.tasks.engine import OutputFile
from sandbox.tasks.task import SimulatedTask

IMAGE_TOOL: Final = "image_generation"
ENDING_OF: Final = {"png": "png", "jpeg": "jpg", "webp": "webp"}
SIZES: Final[Mapping[str, tuple[int, int]]] = {
    "1024x1024": (1024, 1024),
    "1536x1024": (1536, 1024),
    "1024x1536": (1024, 1536),
    "auto": (1024, 1024),
}


def made(task: SimulatedTask) -> list[OutputFile]:
    """One file: the picture, or the words. Blocking; raises WorkFailedError."""
    sizes = [f"{width}x{height}" for width, height in map(_size_of, parts_of(task.request, "image_url"))]
    prompt = prompt_of(task.request)
    tool = tool_of(task.request)
    if tool is not None:
        ending = ENDING_OF[tool.get("output_format") or "png"]
        seed = f"{prompt}/{sizes}/{task.id}"
        return [OutputFile(f"picture.{ending}", encoded(landscape(seed, SIZES[tool.get("size") or "auto"]), ending))]
    return [OutputFile("answer.txt", _words(task.request, prompt, sizes).encode())]


def tool_of(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The image generation tool, if it is to be used."""
    tools = request.get("tools") or []
    return next((tool for tool in tools if isinstance(tool, dict) and tool.get("type") == IMAGE_TOOL), None)


def parts_of(request: Mapping[str, Any], name: str) -> Iterator[str]:
    """The texts (`text`) or links (`image_url`) of the input."""
    given = request.get("input")
    if isinstance(given, str) and name == "text":
        yield given
    for message in given if isinstance(given, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str) and name == "text":
            yield content
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and isinstance(part.get(name), str):
                yield part[name]


def prompt_of(request: Mapping[str, Any]) -> str:
    return "\n".join(parts_of(request, "text"))


def _words(request: Mapping[str, Any], prompt: str, sizes: list[str]) -> str:
    text = request.get("text")
    asked = text.get("format") if isinstance(text, dict) else None
    if isinstance(asked, dict) and asked.get("type") == "json_schema":
        return json.dumps(_instance(asked.get("schema") or {}, prompt), ensure_ascii=False)
    seen = f" The pictures measure {', '.join(sizes)} pixels." if sizes else ""
    return f"You asked in {len(prompt.split())} words: {prompt}{seen}"


def _instance(schema: Mapping[str, Any], prompt: str) -> Any:
    """A value of the schema: words of the prompt, and how many there are."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: _instance(inner, prompt) for name, inner in (schema.get("properties") or {}).items()}
        case "array":
            return [_instance(schema.get("items") or {}, word) for word in prompt.split()[:3]]
        case "integer" | "number":
            return len(prompt.split())
        case "boolean":
            return bool(prompt)
        case _:
            return prompt


def _size_of(link: str) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(loaded(link))) as picture:
            return picture.size
    except UNREADABLE as unreadable:
        raise WorkFailedError(f"The image data you provided does not represent a valid image: {unreadable}") from None
