"""The parameters of Veo, and the request that they make."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from aijobs.domain.jobs.parameters import Parameters, upload_input
from aijobs.providers.inline_files import parts_of

LONGEST: Final = 8  #: seconds

#: Veo's names, by ours.
_NAMES: Final[Mapping[str, str]] = {
    "aspect_ratio": "aspectRatio",
    "resolution": "resolution",
    "duration": "durationSeconds",
    "negative_prompt": "negativePrompt",
    "person_generation": "personGeneration",
}


class VeoInput(Parameters):
    """A video with sound from a prompt, perhaps from a picture as its first frame."""

    prompt: str = Field(min_length=1, max_length=8_000, examples=["a lighthouse at dusk, waves breaking"])
    image: upload_input("image") | None = Field(  # type: ignore[valid-type]
        default=None, description="An uploaded picture: the first frame."
    )
    aspect_ratio: Literal["16:9", "9:16"] = Field(default="16:9", examples=["9:16"])
    resolution: Literal["720p", "1080p"] = Field(default="720p", examples=["1080p"])
    duration: Literal[4, 6, 8] = Field(default=8, description="In seconds; 1080p takes eight.", examples=[4])
    negative_prompt: str | None = Field(default=None, max_length=8_000, description="What not to show.")
    person_generation: Literal["allow_all", "allow_adult", "dont_allow"] | None = Field(
        default=None, description="Which people may be shown; some regions allow less."
    )

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.resolution == "1080p" and self.duration != LONGEST:
            raise ValueError("1080p takes a duration of 8")
        return self


def body_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `predictLongRunning`. The picture is a `data:` link by now."""
    instance: dict[str, Any] = {"prompt": params["prompt"]}
    if image := params.get("image"):
        media_type, content = parts_of(image)
        instance["image"] = {"bytesBase64Encoded": content, "mimeType": media_type}
    parameters = {theirs: params[ours] for ours, theirs in _NAMES.items() if params.get(ours) is not None}
    return {"instances": [instance], "parameters": {**parameters, "sampleCount": 1}}
