"""The bodies that Bedrock takes, in its own spelling, and what it refuses in them."""

import base64
import io
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.camel_case import CamelCaseBody
from sandbox.pictures.upscaling import UNREADABLE
from sandbox.vendors.bedrock.invocations import LUMA_RAY, NOVA_REEL

FILM: Final = (1280, 720)


class S3Place(CamelCaseBody):
    s3_uri: str = Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$")
    kms_key_id: str | None = None
    bucket_owner: str | None = None


class OutputPlace(CamelCaseBody):
    s3_output_data_config: S3Place


class InvocationTag(CamelCaseBody):
    key: str
    value: str


class StartRequest(CamelCaseBody):
    client_request_token: str | None = Field(default=None, pattern=r"^[!-~]{1,256}$")
    model_id: str = Field(min_length=1, max_length=256)
    model_input: dict[str, Any]
    output_data_config: OutputPlace
    tags: list[InvocationTag] | None = Field(default=None, max_length=200)


class LumaSource(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["base64"]
    media_type: Literal["image/png", "image/jpeg"]
    data: str = Field(min_length=1)


class LumaKeyframe(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["image"]
    source: LumaSource


class LumaRayInput(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str = Field(min_length=1, max_length=5_000)
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21"] = "16:9"
    loop: bool = False
    duration: Literal["5s", "9s"] = "5s"
    resolution: Literal["540p", "720p"] = "720p"
    keyframes: dict[Literal["frame0", "frame1"], LumaKeyframe] = {}


class ShotSource(CamelCaseBody):
    bytes: str = Field(min_length=1)


class ShotImage(CamelCaseBody):
    format: Literal["png", "jpeg"]
    source: ShotSource

    @model_validator(mode="after")
    def _of_the_films_size(self) -> Self:
        try:
            with Image.open(io.BytesIO(base64.b64decode(self.source.bytes, validate=True))) as picture:
                size = picture.size
        except UNREADABLE as unreadable:
            raise ValueError("the image cannot be read") from unreadable
        if size != FILM:
            raise ValueError(f"the image must be 1280x720, and is {size[0]}x{size[1]}")
        return self


class ShotText(CamelCaseBody):
    text: str = Field(min_length=1, max_length=4_000)
    images: list[ShotImage] = Field(default=[], max_length=1)


class VideoConfig(CamelCaseBody):
    duration_seconds: int = Field(ge=6, le=120, multiple_of=6)
    fps: Literal[24]
    dimension: Literal["1280x720"]
    seed: int = Field(default=42, ge=0, le=2_147_483_646)


class NovaReelInput(CamelCaseBody):
    task_type: Literal["TEXT_VIDEO", "MULTI_SHOT_AUTOMATED"]
    text_to_video_params: ShotText | None = None
    multi_shot_automated_params: ShotText | None = None
    video_generation_config: VideoConfig


INPUTS: Final[Mapping[str, type[BaseModel]]] = {NOVA_REEL: NovaReelInput, LUMA_RAY: LumaRayInput}
