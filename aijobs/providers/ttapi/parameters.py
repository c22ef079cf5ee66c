"""What a caller may send to Midjourney, and what an action on one of its jobs takes."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from aijobs.domain.jobs.parameters import FollowUp, Parameters, file_input

MAX_PROMPT: Final = 4000  #: characters
MAX_IMAGES: Final = 5
MAX_SEED: Final = 2**32 - 1

#: Midjourney's switches that a parameter of ours stands for, or that would change model or price behind our back.
SPOKEN_FOR: Final = {
    "ar": "Say it by the parameter `aspect`.",
    "aspect": "Say it by the parameter `aspect`.",
    "seed": "Say it by the parameter `seed`.",
    "relax": "Say it by the parameter `mode`.",
    "fast": "Say it by the parameter `mode`.",
    "turbo": "Say it by the parameter `mode`.",
    "v": "The version is the model's.",
    "version": "The version is the model's.",
    "niji": "The version is the model's.",
    "repeat": "One order is one drawing.",
    "r": "One order is one drawing.",
    "video": "This model draws pictures.",
    "draft": "Say it by the model.",
    "stealth": "Who may see it is the account's.",
    "public": "Who may see it is the account's.",
}

_SWITCH: Final = re.compile(r"(?:^|\s)(?:--|—)(\w+)")
_PERMUTATION: Final = re.compile(r"\{[^{}]*,[^{}]*\}")

#: What `components` may name that `POST /midjourney/v1/action` does with a job's id alone (docs.ttapi.io).
ACTION: Final = re.compile(
    r"upsample[1-4]|variation[1-4]|reroll|zoom_out_\w+|pan_(left|right|up|down)|(high|low)_variation"
    r"|(redo_)?upscale_?\w+|make_square"
)

Mode = Literal["relax", "fast", "turbo"]


def _listed(value: Any) -> Any:
    """A single picture may be named without brackets."""
    return [value] if isinstance(value, str) else value


class Imagine(Parameters):
    """Four pictures from a prompt."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROMPT, strip_whitespace=True)] = Field(
        description="What to draw. Midjourney's own switches, like `--stylize 250`, may follow.",
        examples=["a lighthouse at dusk, oil painting"],
    )
    mode: Mode = Field(
        default="fast",
        description="How soon: within ten minutes, a minute and a half, or a minute.",
        examples=["relax"],
    )
    aspect: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,2}:[1-9]\d{0,2}$")] | None = Field(
        default=None, description="Width to height, in whole numbers.", examples=["16:9"]
    )
    images: Annotated[list[file_input("image")], BeforeValidator(_listed)] = Field(  # type: ignore[valid-type]
        default=[],
        max_length=MAX_IMAGES,
        description="Pictures to draw after: https links, or codes of uploaded files.",
        examples=[["https://example.com/photo.jpg"]],
    )
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="The same seed, a like picture.")
    translation: bool = Field(default=False, description="Whether TTAPI translates the prompt into English first.")

    @field_validator("prompt")
    @classmethod
    def _leaves_our_parameters_alone(cls, prompt: str) -> str:
        for switch in _SWITCH.findall(prompt):
            if switch.lower() in SPOKEN_FOR:
                raise PydanticCustomError(
                    "switch", f"--{switch.lower()} cannot stand here. {SPOKEN_FOR[switch.lower()]}"
                )
        if _PERMUTATION.search(prompt):
            raise PydanticCustomError("switch", "Choices in {braces, like these} are several orders: send one each.")
        if not re.sub(r"(?:--|—)\w+(\s+[^\s-]\S*)?", "", prompt).strip():
            raise PydanticCustomError("switch", "There must be more than switches.")
        return prompt


class Action(FollowUp):
    """Work on the result of a finished Midjourney job: one of the actions that it offers."""
