"""Facts, posters and waveforms of videos and sounds, by FFmpeg's libraries (PyAV)."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from PIL import Image, ImageDraw, ImageOps

from aijobs.adapters.media.settings import PictureSettings
from aijobs.domain.errors import UnreadableFile
from aijobs.domain.values.media import LONGEST_WAVEFORM, MediaFacts

UNREADABLE: Final = "The file cannot be read as a video or a sound."
WAVEFORM_SIZE: Final = (640, 96)  #: pixels
WAVEFORM_COLOUR: Final = (120, 130, 150, 255)  #: is seen on a light and on a dark ground
WAVEFORM_RATE: Final = 8000  #: samples a second, which is enough to draw
POSTER_QUALITY: Final = 80

#: FFmpeg opens these containers and no others: a playlist or an image sequence would name further files and addresses.
OPTIONS: Final = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mp3,wav,flac,ogg,aac,avi,mpegts"}


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Raises UnreadableFile, also for what goes wrong inside the block."""
    try:
        with path.open("rb") as file, av.open(file, container_options=OPTIONS, metadata_errors="replace") as container:
            yield container
    except (av.FFmpegError, ValueError, OverflowError) as broken:
        raise UnreadableFile(UNREADABLE) from broken


def media_facts(path: Path, limits: PictureSettings) -> MediaFacts:
    """What the file says of itself. Its first picture is decoded, since only that tells how it is turned."""
    with _opened(path) as container:
        video = _first(container.streams.video)
        audio = _first(container.streams.audio)
        if video is None and audio is None:
            raise UnreadableFile(UNREADABLE)
        width, height = _upright_size(container, video, limits) if video else (None, None)
        return MediaFacts(
            container=_container_name(container.format.name, path),
            duration=_duration(container, video or audio),
            video_codec=_codec(video),
            audio_codec=_codec(audio),
            width=width,
            height=height,
        )


def poster(path: Path, side: int, *, square: bool, limits: PictureSettings) -> bytes:
    """The first picture of a video, upright, in WebP."""
    with _opened(path) as container:
        video = _first(container.streams.video)
        if video is None:
            raise UnreadableFile("There is no picture in it.")
        frame = _first_frame(container, video, limits)
        image = frame.to_image().rotate(frame.rotation, expand=True)
    if square:
        image = ImageOps.fit(image, (side, side))
    image.thumbnail((side, side))
    return _webp(image)


def waveform(path: Path) -> bytes:
    """How loud a sound is over time, on a transparent ground, in WebP."""
    with _opened(path) as container:
        audio = _first(container.streams.audio)
        if audio is None:
            raise UnreadableFile("There is no sound in it.")
        if (_duration(container, audio) or 0) > LONGEST_WAVEFORM:
            raise UnreadableFile("It is too long to be drawn.")
        loudness = _loudness(container, audio)
    width, height = WAVEFORM_SIZE
    image = Image.new("RGBA", WAVEFORM_SIZE)
    draw = ImageDraw.Draw(image)
    for x, part in enumerate(np.array_split(loudness, width)):
        half = max(1, round(float(part.max(initial=0)) * (height // 2 - 1)))
        draw.line((x, height // 2 - half, x, height // 2 + half), fill=WAVEFORM_COLOUR)
    return _webp(image)


def _loudness(container: Any, audio: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """One value from 0 to 1 for each sample of WAVEFORM_RATE."""
    mono = av.AudioResampler(format="flt", layout="mono", rate=WAVEFORM_RATE)
    parts, count = [], 0
    for frame in container.decode(audio):
        for resampled in mono.resample(frame):
            part = np.abs(resampled.to_ndarray().reshape(-1))
            parts.append(part)
            count += part.size
        if count > LONGEST_WAVEFORM * WAVEFORM_RATE:
            raise UnreadableFile("It is too long to be drawn.")
    if not count:
        raise UnreadableFile("There is no sound in it.")
    loudness: np.ndarray[Any, np.dtype[np.float32]] = np.nan_to_num(np.concatenate(parts)).clip(0, 1)
    return loudness


def _first(streams: Any) -> Any:
    return streams[0] if streams else None


def _duration(container: Any, stream: Any) -> float | None:
    """In seconds; None where the file does not say it."""
    if container.duration is not None:
        seconds = container.duration / av.time_base
    elif stream.duration is not None:
        seconds = float(stream.duration * stream.time_base)
    else:
        return None
    return round(seconds, 3) if seconds > 0 else None


def _first_frame(container: Any, video: Any, limits: PictureSettings) -> Any:
    if video.codec_context.width * video.codec_context.height > limits.max_pixels:
        raise UnreadableFile("Its pictures are larger than our limits.")
    video.codec_context.thread_count = 1
    frame = next(container.decode(video), None)
    if frame is None:
        raise UnreadableFile("Its first picture cannot be decoded.")
    return frame


def _upright_size(container: Any, video: Any, limits: PictureSettings) -> tuple[int | None, int | None]:
    """Width and height as a player shows them: phones store upright videos lying, with a rotation."""
    stored = video.codec_context.width or None, video.codec_context.height or None
    try:
        is_turned = _first_frame(container, video, limits).rotation % 180 == 90
    except (av.FFmpegError, UnreadableFile):
        return stored
    return stored[::-1] if is_turned else stored


def _codec(stream: Any) -> str | None:
    return stream.codec_context.codec.canonical_name if stream else None


def _container_name(name: str, path: Path) -> str:
    """FFmpeg names a reader for all formats that it reads: `mov,mp4,m4a,…` and `matroska,webm`."""
    with path.open("rb") as file:
        head = file.read(64)
    if "mp4" in name:
        return "mov" if head[8:12] == b"qt  " else "mp4"
    if "webm" in name:
        return "webm" if b"webm" in head else "matroska"
    return name.split(",", 1)[0]


def _webp(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=POSTER_QUALITY)
    return buffer.getvalue()
