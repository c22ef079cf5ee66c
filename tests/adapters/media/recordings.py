"""Short real videos and sounds, encoded by the same libraries."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import av
import numpy as np

RATE: Final = 48000

Colour = tuple[int, int, int]
Picture = np.ndarray[Any, np.dtype[np.uint8]]
RED: Final[Colour] = (200, 30, 30)
BLUE: Final[Colour] = (30, 30, 200)


def recording(
    container: str,
    *,
    video: str | None = None,
    audio: str | None = None,
    seconds: float = 1,
    size: tuple[int, int] = (160, 96),
    rotation: int = 0,
    lower: Colour = RED,
    options: Mapping[str, str] | None = None,
) -> bytes:
    """A file of this format: `video` and `audio` are the codecs. The pictures are red, their lower half as it says; the
    sound gets louder. `rotation`: by which a player turns them to the left, in degrees."""
    picture = np.full((size[1], size[0], 3), RED, np.uint8)
    picture[size[1] // 2 :] = lower
    with NamedTemporaryFile() as file:
        _record(file.name, container, video, audio, seconds, picture, rotation, options or {})
        return Path(file.name).read_bytes()


def _record(
    path: str,
    container: str,
    video: str | None,
    audio: str | None,
    seconds: float,
    picture: Picture,
    rotation: int,
    options: Mapping[str, str],
) -> None:
    with av.open(path, "w", format=container, container_options=dict(options)) as output:
        pictures = _video_stream(output, video, picture, rotation) if video else None
        sounds = _audio_stream(output, audio) if audio else None
        for packet in _pictures(pictures, picture, seconds) if pictures else ():
            output.mux(packet)
        for packet in _sounds(sounds, seconds) if sounds else ():
            output.mux(packet)


def _video_stream(output: Any, codec: str, picture: Picture, rotation: int) -> Any:
    stream = output.add_stream(codec, rate=25)
    stream.height, stream.width, _ = picture.shape
    stream.pix_fmt = "yuv420p"
    stream.codec_context.thread_count = 1
    if rotation:
        stream.set_display_rotation(rotation)
    return stream


def _audio_stream(output: Any, codec: str) -> Any:
    stream = output.add_stream(codec, rate=RATE)
    stream.layout = "mono"
    return stream


def _pictures(stream: Any, picture: Picture, seconds: float) -> Any:
    for _ in range(round(25 * seconds)):
        yield from stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
    yield from stream.encode()


def _sounds(stream: Any, seconds: float) -> Any:
    at = np.arange(round(RATE * seconds)) / RATE
    tone = (np.sin(2 * np.pi * 440 * at) * np.linspace(0, 1, at.size) * 30000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(tone.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = RATE
    yield from stream.encode(frame)
    yield from stream.encode()
