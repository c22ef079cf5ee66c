"""The body of a `predictLongRunning`, and what Veo refuses in it."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from sandbox.camel_case import CamelCaseBody


class VeoImage(CamelCaseBody):
    bytes_base64_encoded: str = Field(alias="bytesBase64Encoded", min_length=1)
    mime_type: str


class VeoInstance(CamelCaseBody):
    prompt: str = Field(min_length=1)
    image: VeoImage | None = None


class VeoParameters(CamelCaseBody):
    sample_count: Literal[1] | None = None
    aspect_ratio: Literal["16:9", "9:16"] | None = None
    resolution: Literal["720p", "1080p"] | None = None
    duration_seconds: Literal[4, 6, 8] | None = None
    negative_prompt: str | None = None
    person_generation: Literal["allow_all", "allow_adult", "dont_allow"] | None = None

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if self.resolution == "1080p" and self.duration_seconds not in {None, 8}:
            raise ValueError("1080p is only supported with durationSeconds of 8")
        return self


class PredictRequest(CamelCaseBody):
    instances: list[VeoInstance] = Field(min_length=1, max_length=1)
    parameters: VeoParameters = VeoParameters()
    webhook_config: dict[str, Any] | None = None
