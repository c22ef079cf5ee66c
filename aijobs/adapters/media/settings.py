"""Limits of decoding pictures."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from aijobs.domain.values.durations import Duration


class PictureSettings(BaseModel):
    """Limits of pictures: of what is decoded, of the process that decodes it, and of how many wait for one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pixels: int = Field(default=50_000_000, ge=1, description="of a picture that is decoded at its full size")
    max_decoded_bytes: int = Field(default=256 * 1024**2, ge=1, description="pixels × channels × bits / 8")
    memory_bytes: int = Field(default=1024**3, ge=256 * 1024**2, description="of one decoding process")
    processor_time: Duration = timedelta(seconds=20)
    patience: Duration = timedelta(seconds=30)  #: with one picture, once it is its turn
    at_once: int = Field(default=2, ge=1, description="decoding processes of one of our processes")
    waiting: int = Field(default=64, ge=0, description="pictures that wait for their turn; more are sent away")
    longest_wait: Duration = timedelta(seconds=30)  #: for a turn; then the picture is sent away too
