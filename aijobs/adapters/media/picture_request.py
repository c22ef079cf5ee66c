"""The picture process's requests and results: one line of JSON each."""

from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.media.settings import PictureSettings
from aijobs.domain.photos import Measurements
from aijobs.domain.values.media import MediaFacts

MAX_RESULT_BYTES: Final = 16 * 1024


class PictureTask(StrEnum):
    """What is done with a picture, or with a video or a sound."""

    CHECK = "check"
    CLEAN = "clean"
    THUMBNAIL = "thumbnail"
    MEASURE = "measure"
    COPY = "copy"
    MEDIA_FACTS = "media_facts"
    POSTER = "poster"
    WAVEFORM = "waveform"


class PictureRequest(BaseModel):
    """Do `task` with the file `path`; a resulting picture is written to `target`."""

    model_config = ConfigDict(frozen=True)

    task: PictureTask
    path: Path
    target: Path
    side: int = 0
    square: bool = False
    limits: PictureSettings


class PictureResult(BaseModel):
    """The result of a request, or code and message of one of our errors."""

    model_config = ConfigDict(frozen=True)

    media_type: str = ""
    width: int = 0
    height: int = 0
    measurements: Measurements | None = None
    media: MediaFacts | None = None
    error_code: str | None = None
    message: str = ""
