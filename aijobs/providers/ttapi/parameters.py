"""The parameters of Midjourney jobs, and of actions on them."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.parameters import FollowUp, Parameters, file_input
from aijobs.providers.ttapi.switches import (
    MAX_SEED,
    MOVED,
    REFUSED,
    VERSIONS,
    moved_into_parameters,
    switches_in,
    without_switches,
)

MAX_PROMPT: Final = 4000  #: characters
MAX_IMAGES: Final = 5

#: Switches that a prompt must not contain, with the hint for the caller.
NOT_IN_PROMPTS: Final = {
    **{switch: f"Say it by the parameter `{name}`." for switch, name in MOVED.items()},
    **dict.fromkeys(VERSIONS, "The version is the model's."),
    **REFUSED,
}

_PERMUTATION: Final = re.compile(r"\{[^{}]*,[^{}]*\}")

#: The names in `components` that `POST /midjourney/v1/action` supports with a job id alone (docs.ttapi.io).
ACTION: Final = re.compile(
    r"upsample[1-4]|variation[1-4]|reroll|zoom_out_\w+|pan_(left|right|up|down)|(high|low)_variation"
    r"|(redo_)?upscale_?\w+|make_square"
)

Mode = Literal["relax", "fast", "turbo"]


def _as_list(value: Any) -> Any:
    """A single image may be given without a list."""
    return [value] if isinstance(value, str) else value


class Imagine(Parameters):
    """Four pictures from a prompt."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROMPT, strip_whitespace=True)] = Field(
        description="What to draw. Midjourney's own switches, like `--stylize 250` or `--ar 16:9`, may follow.",
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
    images: Annotated[list[file_input("image")], BeforeValidator(_as_list)] = Field(  # type: ignore[valid-type]
        default=[],
        max_length=MAX_IMAGES,
        description="Pictures to draw after: https links, or codes of uploaded files.",
        examples=[["https://example.com/photo.jpg"]],
    )
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="The same seed, a like picture.")
    translation: bool = Field(default=False, description="Whether TTAPI translates the prompt into English first.")

    @classmethod
    def understood(cls, sent: Mapping[str, Any], model: Model) -> Mapping[str, Any]:
        return moved_into_parameters(sent, model)

    @field_validator("prompt")
    @classmethod
    def _check_switches(cls, prompt: str) -> str:
        for switch in switches_in(prompt):
            if switch in NOT_IN_PROMPTS:
                raise PydanticCustomError("switch", f"--{switch} cannot stand here. {NOT_IN_PROMPTS[switch]}")
        if _PERMUTATION.search(prompt):
            raise PydanticCustomError("switch", "Choices in {braces, like these} are several orders: send one each.")
        if not without_switches(prompt):
            raise PydanticCustomError("switch", "There must be more than switches.")
        return prompt


class Action(FollowUp):
    """Work on the result of a finished Midjourney job: one of the actions that it offers."""
