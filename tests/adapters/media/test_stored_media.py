"""Videos and sounds: what is known of them, posters and waveforms, from their beginning and their end."""

import io
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from PIL import Image

from aijobs.adapters.media.audio_video.stored_media import StoredMediaReader
from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.errors import UnreadableFile
from aijobs.domain.values.media import MediaFacts
from tests.adapters.media.recordings import BLUE, recording

VIDEO: Final = recording("mp4", video="libx264", audio="aac", seconds=2)

SECRET: Final = b"a secret of some length"

_numbers = itertools.count()


class Stored:
    """Files in a store, looked into."""

    def __init__(self, store: DirectoryStore, pictures: PictureReader) -> None:
        self.store = store
        self.pictures = pictures
        self.reader = StoredMediaReader(store, pictures)

    async def put(self, content: bytes) -> tuple[str, int]:
        async def chunks() -> AsyncIterator[bytes]:
            yield content

        stored = await self.store.put(f"media/{next(_numbers)}", chunks(), media_type="video/mp4")
        return stored.key, stored.size

    async def facts(self, content: bytes) -> MediaFacts:
        key, size = await self.put(content)
        return await self.reader.facts(key, size=size)


@asynccontextmanager
async def opened_media(folder: Path, settings: PictureSettings) -> AsyncIterator[Stored]:
    signer = LinkSigner(SECRET, "http://aijobs.test")
    async with DirectoryStore.opened(folder, signer) as store, PictureReader.opened(settings) as pictures:
        yield Stored(store, pictures)


@pytest.fixture(scope="module")
async def stored(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stored]:
    async with opened_media(tmp_path_factory.mktemp("media"), PictureSettings()) as stored:
        yield stored


def opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture))


@pytest.mark.parametrize(
    ("container", "video", "audio", "expected"),
    [
        ("mp4", "libx264", "aac", ("mp4", "h264", "aac")),
        ("mov", "mpeg4", None, ("mov", "mpeg4", None)),
        ("webm", "libvpx-vp9", "libopus", ("webm", "vp9", "opus")),
        ("matroska", "libx264", None, ("matroska", "h264", None)),
        ("mp3", None, "libmp3lame", ("mp3", None, "mp3")),
        ("wav", None, "pcm_s16le", ("wav", None, "pcm_s16le")),
        ("flac", None, "flac", ("flac", None, "flac")),
        ("ogg", None, "libopus", ("ogg", None, "opus")),
        ("adts", None, "aac", ("aac", None, "aac")),
    ],
)
async def test_what_is_known_of_a_file(
    stored: Stored, container: str, video: str | None, audio: str | None, expected: tuple[str, str | None, str | None]
) -> None:
    facts = await stored.facts(recording(container, video=video, audio=audio, seconds=2))

    assert (facts.container, facts.video_codec, facts.audio_codec) == expected
    assert facts.duration == pytest.approx(2, abs=0.15)
    assert (facts.width, facts.height) == ((160, 96) if video else (None, None))


@pytest.mark.parametrize("rotation", [90, -90])
async def test_a_video_that_a_phone_has_stored_lying_is_upright(stored: Stored, rotation: int) -> None:
    key, size = await stored.put(recording("mp4", video="libx264", rotation=rotation, lower=BLUE))

    facts = await stored.reader.facts(key, size=size)
    shown = opened(await stored.reader.poster(key, size=size, side=80)).convert("RGB")

    assert (facts.width, facts.height) == (96, 160)
    assert shown.size == (48, 80)
    red, _, blue = map(int, np.asarray(shown)[40, 4])
    assert (red > blue) == (rotation == 90)  # turned to the left, the upper half comes to the left


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}], ids=["index at the end", "index first"])
async def test_of_a_large_file_only_beginning_and_end_are_read(stored: Stored, options: dict[str, str]) -> None:
    noise = recording("mp4", video="libx264", audio="pcm_s16le", seconds=4, options=options)
    key, size = await stored.put(noise)
    reader = StoredMediaReader(stored.store, stored.pictures, whole=48 * 1024, tail=24 * 1024)

    facts = await reader.facts(key, size=size)
    poster = opened(await reader.poster(key, size=size, side=64)).convert("RGB")

    assert size > 7 * 48 * 1024
    assert facts.duration == pytest.approx(4, abs=0.1)
    red, green, _ = np.asarray(poster).reshape(-1, 3).mean(axis=0)
    assert red > 150
    assert green < 100
    with pytest.raises(UnreadableFile, match="too long"):
        await reader.waveform(key, size=size)


async def test_a_waveform_shows_that_the_sound_gets_louder(stored: Stored) -> None:
    key, size = await stored.put(recording("mp3", audio="libmp3lame", seconds=2))

    drawn = np.asarray(opened(await stored.reader.waveform(key, size=size)).convert("RGBA"))[:, :, 3] > 128
    heights = drawn.sum(axis=0)

    assert drawn.shape == (96, 640)
    assert heights[40] < heights[320] < heights[600]


async def test_a_poster_can_be_square(stored: Stored) -> None:
    key, size = await stored.put(VIDEO)

    assert opened(await stored.reader.poster(key, size=size, side=48, square=True)).size == (48, 48)


@pytest.mark.parametrize(
    "content",
    [
        b"not a video",
        VIDEO[:200],
        b"RIFF\x24\x00\x00\x00WAVE",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
    ids=["text", "cut", "empty", "playlist", "list of files"],
)
async def test_what_is_no_video_and_no_sound_is_refused(stored: Stored, content: bytes) -> None:
    key, size = await stored.put(content)

    for look in (
        stored.reader.facts(key, size=size),
        stored.reader.poster(key, size=size, side=9),
        stored.reader.waveform(key, size=size),
    ):
        with pytest.raises(UnreadableFile):
            await look


async def test_a_sound_has_no_poster_and_a_silent_video_no_waveform(stored: Stored) -> None:
    sound, sound_size = await stored.put(recording("wav", audio="pcm_s16le"))
    silent, silent_size = await stored.put(recording("mp4", video="libx264"))

    with pytest.raises(UnreadableFile, match="no picture"):
        await stored.reader.poster(sound, size=sound_size, side=9)
    with pytest.raises(UnreadableFile, match="no sound"):
        await stored.reader.waveform(silent, size=silent_size)


async def test_pictures_above_the_limit_are_not_decoded(tmp_path: Path) -> None:
    async with opened_media(tmp_path, PictureSettings(max_pixels=1000)) as stored:
        key, size = await stored.put(VIDEO)

        with pytest.raises(UnreadableFile, match="limits"):
            await stored.reader.poster(key, size=size, side=9)
        facts = await stored.reader.facts(key, size=size)

    assert (facts.width, facts.height) == (160, 96)
