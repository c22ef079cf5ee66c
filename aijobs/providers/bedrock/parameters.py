"""The parameters of models on Bedrock, and the `modelInput` that each of them wants."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from aijobs.domain.jobs.parameters import Parameters, upload_input
from aijobs.providers.inline_files import parts_of

SHOT_SECONDS: Final = 6
SHOT_PROMPT: Final = 512  #: characters for a single shot


class AnyModelInput(Parameters):
    """Any parameters: they are the model's input as it is. Bedrock validates it before anything is charged."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def as_input(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in params.items() if value is not None}


class LumaRayInput(AnyModelInput):
    """A video from a prompt, perhaps from a picture, with Luma Ray 2 (`luma.ray-v2:0`)."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(min_length=1, max_length=5_000, examples=["a lighthouse at dusk"])
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21"] = Field(
        default="16:9", examples=["9:16"]
    )
    resolution: Literal["540p", "720p"] = Field(default="720p", examples=["540p"])
    duration: Literal["5s", "9s"] = Field(default="5s", examples=["9s"])
    loop: bool = Field(default=False, description="Whether the end passes into the beginning.", examples=[True])
    image: upload_input("image") | None = Field(  # type: ignore[valid-type]
        default=None, description="An uploaded picture, PNG or JPEG: the first frame."
    )

    @classmethod
    def as_input(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        wanted = super().as_input(params)
        if "image" in wanted:
            media_type, data = parts_of(wanted.pop("image"))
            source = {"type": "base64", "media_type": media_type, "data": data}
            wanted["keyframes"] = {"frame0": {"type": "image", "source": source}}
        return wanted


class NovaReelInput(AnyModelInput):
    """A video from a prompt with Amazon Nova Reel: one shot of six seconds, or several in a row."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(
        min_length=1,
        max_length=4_000,
        description=f"At most {SHOT_PROMPT} characters for a single shot.",
        examples=["a lighthouse at dusk"],
    )
    duration: int = Field(
        default=SHOT_SECONDS,
        ge=SHOT_SECONDS,
        le=120,
        multiple_of=SHOT_SECONDS,
        description="In seconds. More than six are several shots, which Nova Reel divides the prompt into.",
        examples=[12],
    )
    seed: int | None = Field(default=None, ge=0, le=2_147_483_646, examples=[42])
    image: upload_input("image") | None = Field(  # type: ignore[valid-type]
        default=None,
        description="An uploaded picture, PNG or JPEG, of 1280 x 720 pixels: the first frame of a single shot.",
    )

    @model_validator(mode="after")
    def _short_enough(self) -> Self:
        if self.duration == SHOT_SECONDS and len(self.prompt) > SHOT_PROMPT:
            raise ValueError(f"the prompt of a single shot has at most {SHOT_PROMPT} characters")
        if self.duration > SHOT_SECONDS and self.image is not None:
            raise ValueError("only a single shot, of six seconds, begins with a picture")
        return self

    @classmethod
    def as_input(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        seconds = params.get("duration") or SHOT_SECONDS
        config = {"durationSeconds": seconds, "fps": 24, "dimension": "1280x720"}
        if params.get("seed") is not None:
            config["seed"] = params["seed"]
        kind, place = _ONE_SHOT if seconds == SHOT_SECONDS else _SHOTS
        wanted: dict[str, Any] = {"text": params["prompt"]}
        if params.get("image") is not None:
            media_type, data = parts_of(params["image"])
            wanted["images"] = [{"format": media_type.removeprefix("image/"), "source": {"bytes": data}}]
        return {"taskType": kind, place: wanted, "videoGenerationConfig": config}


_ONE_SHOT: Final = ("TEXT_VIDEO", "textToVideoParams")
_SHOTS: Final = ("MULTI_SHOT_AUTOMATED", "multiShotAutomatedParams")

#: Models with declared parameters; the others take what Bedrock takes.
PARAMETERS_OF: Final[Mapping[str, type[AnyModelInput]]] = {
    "amazon.nova-reel-v1:1": NovaReelInput,
    "luma.ray-v2:0": LumaRayInput,
}
