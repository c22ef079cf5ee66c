"""The parameters of models at OpenAI, and the requests that they make."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, JsonValue

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.parameters import Parameters, file_input

MAX_PROMPT: Final = 200_000  #: characters
MAX_PICTURES: Final = 10
IMAGE_TOOL: Final = "image_generation"


class AnsweredPrompt(Parameters):
    """A text that answers a prompt, perhaps about pictures, perhaps as JSON."""

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT, description="What is asked.", examples=["Name this dish."])
    instructions: str | None = Field(default=None, max_length=MAX_PROMPT, description="How to answer, and as whom.")
    images: list[file_input("image")] = Field(  # type: ignore[valid-type]
        default=[], max_length=MAX_PICTURES, description="Pictures that the prompt is about: links, or uploaded files."
    )
    answer_schema: dict[str, JsonValue] | None = Field(
        default=None, description="A JSON Schema: the answer is then JSON of this form."
    )
    max_output_tokens: int | None = Field(default=None, ge=16, le=1_000_000, description="At most so long an answer.")


class DrawnPicture(Parameters):
    """A picture that is drawn after a prompt, or after other pictures."""

    prompt: str = Field(min_length=1, max_length=32_000, description="What to draw.", examples=["a lighthouse at dusk"])
    images: list[file_input("image")] = Field(  # type: ignore[valid-type]
        default=[], max_length=MAX_PICTURES, description="Pictures to work on: links, or uploaded files."
    )
    size: Literal["1024x1024", "1536x1024", "1024x1536", "auto"] = Field(default="auto", examples=["1024x1024"])
    quality: Literal["low", "medium", "high", "auto"] = Field(default="auto", examples=["high"])
    output_format: Literal["png", "jpeg", "webp"] = Field(default="png", examples=["webp"])
    background: Literal["transparent", "opaque", "auto"] = Field(default="auto", examples=["transparent"])


def parameters_of(model: Model) -> type[Parameters]:
    return DrawnPicture if model.output_kind is OutputKind.IMAGE else AnsweredPrompt


def body_of(model: Model, params: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a request that the parameters make."""
    parts = [{"type": "input_text", "text": params["prompt"]}]
    parts += [{"type": "input_image", "image_url": url, "detail": "auto"} for url in params.get("images") or ()]
    body: dict[str, Any] = {"model": model.model, "input": [{"role": "user", "content": parts}]}
    if model.output_kind is OutputKind.IMAGE:
        chosen = {name: params[name] for name in ("size", "quality", "output_format", "background") if name in params}
        return body | {"tools": [{"type": IMAGE_TOOL, **chosen}], "tool_choice": {"type": IMAGE_TOOL}}
    for name in ("instructions", "max_output_tokens"):
        if params.get(name) is not None:
            body[name] = params[name]
    if params.get("answer_schema") is not None:
        schema = {"type": "json_schema", "name": "answer", "schema": params["answer_schema"], "strict": False}
        body["text"] = {"format": schema}
    return body
