"""What is known of a video or a sound that was looked into."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

LARGEST_WAVEFORM: Final = 12 * 1024**2  #: bytes of a sound that is decoded whole, to be drawn
LONGEST_WAVEFORM: Final = 1800  #: seconds


class MediaFacts(BaseModel):
    """`container` and the codecs as FFmpeg names them: `mp4`, `h264`, `aac`; `duration` in seconds."""

    model_config = ConfigDict(frozen=True)

    container: str = Field(examples=["mp4"])
    duration: float | None = Field(default=None, examples=[5.04])
    video_codec: str | None = Field(default=None, examples=["h264"])
    audio_codec: str | None = Field(default=None, examples=["aac"])
    width: int | None = Field(default=None, description="pixels, upright", examples=[1280])
    height: int | None = Field(default=None, description="pixels, upright", examples=[720])

    def can_be_drawn(self, size: int) -> bool:
        """Whether a sound of `size` bytes gets a waveform."""
        return self.audio_codec is not None and size <= LARGEST_WAVEFORM and (self.duration or 0) <= LONGEST_WAVEFORM
