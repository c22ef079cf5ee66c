"""Outputs that are truncated by a wrong Content-Length are detected by their format."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Final

import pytest
import xlsxwriter
from PIL import Image

from aijobs.adapters.download.downloader import SafeDownloader
from aijobs.adapters.download.settings import DownloadSettings
from aijobs.adapters.media.file_ends.file_end import FileEnd
from aijobs.adapters.media.sniffing import SNIFF_BYTES, sniffed
from aijobs.domain.errors import DownloadInterrupted, OutputRefused
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from tests.adapters.storage.conftest import TRUSTING_NOBODY
from tests.adapters.storage.hostile_server import HostileServer


def picture(written_as: str, **options: object) -> bytes:
    noise = Image.effect_noise((120, 90), 80).convert("RGB")
    written = io.BytesIO()
    noise.save(written, written_as, **options)
    return written.getvalue()


def with_a_preview() -> bytes:
    """A JPEG with a whole JPEG in its header, as cameras make them."""
    preview = picture("JPEG")
    segment = b"Exif\0\0" + preview
    return b"\xff\xd8\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + picture("JPEG")[2:]


def moving() -> bytes:
    frames = [Image.effect_noise((40, 30), 80) for _ in range(3)]
    written = io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:])
    return written.getvalue()


def box(name: bytes, content: bytes = b"", *, long: bool = False) -> bytes:
    if long:
        return (1).to_bytes(4, "big") + name + (len(content) + 16).to_bytes(8, "big") + content
    return (len(content) + 8).to_bytes(4, "big") + name + content


FTYP: Final = box(b"ftyp", b"isom\0\0\2\0isommp42")


def archive() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.txt", bytes(range(256)) * 20)
        made.comment = b"made by a vendor"
    return written.getvalue()


def workbook() -> bytes:
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as made:
        made.add_worksheet().write_row(0, 0, ["a", "b"])
    return written.getvalue()


def matroska(size: bytes, content: bytes) -> bytes:
    return b"\x1aE\xdf\xa3\x87" + b"\x42\x82\x84webm" + b"\xec\x82\0\0" + b"\x18S\x80g" + size + content


def pages(**options: object) -> bytes:
    """A TIFF with three pages."""
    page = Image.effect_noise((120, 90), 80)
    written = io.BytesIO()
    page.save(written, "TIFF", save_all=True, append_images=[page, page], **options)
    return written.getvalue()


def mp3_frames(header: str, length: int) -> bytes:
    """Frames with these headers, whose lengths are as encoders make them."""
    return (bytes.fromhex(header) + bytes(length - 4)) * 7


def adts_frames() -> bytes:
    head = bytes([0xFF, 0xF1, 0x50, 0x80, 371 >> 3, (371 & 7) << 5 | 0x1F, 0xFC])
    return (head + bytes(364)) * 7


def ogg_pages() -> bytes:
    page = b"OggS\0\0" + bytes(20) + b"\3" + b"\xff\xff\x51" + bytes(255 + 255 + 81)
    return page * 4


FLAC_SAMPLES: Final = 4 * 192


def flac(samples: int = FLAC_SAMPLES, *, by_sample: bool = False) -> bytes:
    """Noise that is stored as it is, 192 samples a frame, of which the format names `samples` in all."""
    info = (192).to_bytes(2, "big") * 2 + bytes(6)
    info += (44100 << 44 | 15 << 36 | samples).to_bytes(8, "big") + bytes(16)
    frames = b"".join(flac_frame(192 * n if by_sample else n, by_sample=by_sample) for n in range(4))
    return b"fLaC" + b"\x80" + (34).to_bytes(3, "big") + info + frames


def flac_frame(number: int, *, by_sample: bool) -> bytes:
    """Its number, coded as a character of UTF-8 is; one verbatim subframe of 16 bits, in which a false frame begins."""
    head = b"\xff" + (b"\xf9" if by_sample else b"\xf8") + b"\x19\x08" + chr(number).encode()
    head += bytes([crc(head, 0x07, 8)])
    body = head + b"\x02" + b"\xff\xf8\x19\x08\x00\xc2" + bytes((7 * n) % 251 for n in range(2 * 192 - 6))
    return body + crc(body, 0x8005, 16).to_bytes(2, "big")


def crc(content: bytes, polynomial: int, bits: int) -> int:
    value = 0
    for byte in content:
        value ^= byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value >> bits - 1 else 0)) & (1 << bits) - 1
    return value


def document() -> bytes:
    return json.dumps(
        {"words": ['a "quoted" one', "a brace {", "\\", "}"], "rows": [{"n": n} for n in range(9)]}
    ).encode()


PDF: Final = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\nxref\ntrailer\nstartxref\n9\n%%EOF\n"

#: A file of each kind, and how much of its end may be missing without anybody noticing.
WHOLE: Final = {
    "png": (picture("PNG"), OutputKind.IMAGE, 0),
    "jpeg": (picture("JPEG"), OutputKind.IMAGE, 0),
    "progressive jpeg": (picture("JPEG", progressive=True), OutputKind.IMAGE, 0),
    "jpeg with a preview": (with_a_preview(), OutputKind.IMAGE, 0),
    "gif": (moving(), OutputKind.IMAGE, 0),
    "webp": (picture("WEBP"), OutputKind.IMAGE, 0),
    "lossless webp": (picture("WEBP", lossless=True), OutputKind.IMAGE, 0),
    "avif": (picture("AVIF"), OutputKind.IMAGE, 0),
    "mp4": (FTYP + box(b"moov", bytes(50)) + box(b"mdat", bytes(500)), OutputKind.VIDEO, 0),
    "mp4, index last": (FTYP + box(b"mdat", bytes(500), long=True) + box(b"moov", bytes(50)), OutputKind.VIDEO, 0),
    "webm": (matroska(b"\x01\0\0\0\0\0\2\0", bytes(512)), OutputKind.VIDEO, 0),
    "wav": (b"RIFF" + (512).to_bytes(4, "little") + b"WAVE" + bytes(508), OutputKind.AUDIO, 1),
    "tiff": (picture("TIFF"), OutputKind.IMAGE, 0),
    "big tiff": (picture("TIFF", big_tiff=True), OutputKind.IMAGE, 0),
    "tiff with jpegs": (picture("TIFF", compression="jpeg", quality=70), OutputKind.IMAGE, 0),
    "tiff in strips": (picture("TIFF", compression="tiff_lzw", strip_size=3000), OutputKind.IMAGE, 0),
    "tiff with pages": (pages(), OutputKind.IMAGE, 16),
    "mp3": (mp3_frames("fffb9064", 417), OutputKind.AUDIO, 0),
    "tagged mp3": (b"ID3\4\0\0\0\0\2\1" + bytes(257) + mp3_frames("fff34064", 104), OutputKind.AUDIO, 0),
    "aac": (adts_frames(), OutputKind.AUDIO, 0),
    "ogg": (ogg_pages(), OutputKind.AUDIO, 0),
    "flac": (flac(), OutputKind.AUDIO, 0),
    "flac of any block size": (flac(by_sample=True), OutputKind.AUDIO, 0),
    "json": (document(), OutputKind.JSON, 0),
    "long json": (b"[" + b",".join([document()] * 1000) + b"]", OutputKind.JSON, 0),
    "zip": (archive(), OutputKind.OTHER, 0),
    "xlsx": (workbook(), OutputKind.DOCUMENT, 0),
    "pdf": (PDF, OutputKind.DOCUMENT, 1),
}

#: Where the first frame begins, the length of each, and that of its header, without which it is not seen.
FRAMES: Final = {"mp3": (0, 417, 4), "tagged mp3": (267, 104, 4), "aac": (0, 371, 7), "ogg": (0, 621, 27)}

#: Whole, although not everything in them is as it should be, or goes on behind the end.
ODD: Final = {
    "behind a png": picture("PNG") + b"more of something else",
    "behind a jpeg": picture("JPEG") + picture("JPEG"),
    "behind a gif": moving() + bytes(9),
    "behind a webp": picture("WEBP") + b"\0",
    "padding in a jpeg": picture("JPEG")[:2] + b"\xff\xff" + picture("JPEG")[2:],
    "behind an mp4": FTYP + box(b"mdat", bytes(9)) + box(b"moov", bytes(9)) + b"\0\0",
    "junk behind an mp4": FTYP + box(b"mdat", bytes(9)) + box(b"moov", bytes(9)) + b"\xff" * 40,
    "an mp4 up to the end of the file": FTYP + box(b"moov", bytes(9)) + b"\0\0\0\0mdat" + bytes(99),
    "a webm that was sent while it was made": matroska(b"\x01" + b"\xff" * 7, bytes(99)),
    "a wav that was sent while it was made": b"RIFF\xff\xff\xff\xffWAVE" + bytes(99),
    "an mp3 with an older tag": mp3_frames("fffb9064", 417) + b"TAG" + bytes(125),
    "an mp3 whose frames have no length": bytes.fromhex("fffb0064") + bytes(99),
    "behind an aac": adts_frames() + bytes(9),
    "behind an ogg": ogg_pages() + b"junk" * 20,
    "behind a flac": flac() + b"TAG" + bytes(125),
    "a flac that was sent while it was made": flac(samples=0)[:-50],
    "a flac from the middle of another": flac()[:42] + flac_frame(9, by_sample=False),
    "behind a tiff": picture("TIFF") + b"more",
    "json lines": b'{"a": 1}\n{"a": 2}\n',
    "behind a pdf": PDF + b"\r\n\0\0",
}  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with HostileServer().running() as server:
        yield server


@pytest.fixture
async def downloader(server: HostileServer) -> AsyncIterator[SafeDownloader]:
    settings = DownloadSettings(allow_hosts=(f"127.0.0.1:{server.port}",))
    async with SafeDownloader(settings, tls=TRUSTING_NOBODY) as opened:
        yield opened


async def fetched(downloader: SafeDownloader, url: str, expect: OutputKind) -> bytes:
    source = OutputSource(kind=expect, url=url)
    async with downloader.fetch(source, expect=expect, hosts=()) as download:
        return b"".join([chunk async for chunk in download.chunks])


@pytest.mark.parametrize("name", WHOLE)
async def test_a_whole_output_comes_through(server: HostileServer, downloader: SafeDownloader, name: str) -> None:
    content, expect, _ = WHOLE[name]
    url = server.answers("/a", content, headers=f"content-length: {len(content)}\r\n")

    assert await fetched(downloader, url, expect) == content


@pytest.mark.parametrize("part", [0.3, 0.6, 0.97])
@pytest.mark.parametrize("name", WHOLE)
async def test_an_output_that_is_cut_off_by_its_announced_length_is_worth_another_try(
    server: HostileServer, downloader: SafeDownloader, name: str, part: float
) -> None:
    content, expect, _ = WHOLE[name]
    cut = int(len(content) * part)
    url = server.answers("/a", content, headers=f"content-length: {cut}\r\n")

    with pytest.raises(DownloadInterrupted):
        await fetched(downloader, url, expect)


@pytest.mark.parametrize("name", WHOLE)
def test_every_cut_is_noticed_and_no_whole_file_is_doubted(name: str) -> None:
    content, _, slack = WHOLE[name]
    media = sniffed(content[:SNIFF_BYTES], complete=len(content) <= SNIFF_BYTES)
    step = max(1, len(content) // 200)

    assert not is_cut(content, media_of=content)
    for at in {*range(64, len(content) - slack, step), len(content) - slack - 1}:
        if ends_with_a_frame(name, at):
            continue
        assert is_cut(content[:at], media_of=content), (media.media_type, at, len(content))


def ends_with_a_frame(name: str, at: int) -> bool:
    """Where nobody can tell: after a frame, or within the first bytes of the next."""
    first, length, header = FRAMES.get(name, (0, at + 1, 0))
    return at > first and (at - first) % length < header


def is_cut(content: bytes, *, media_of: bytes, chunk: int = 37) -> bool:
    end = FileEnd(sniffed(media_of[:SNIFF_BYTES], complete=len(media_of) <= SNIFF_BYTES))
    for at in range(0, len(content), chunk):
        end.feed(content[at : at + chunk])
    return end.is_missing


@pytest.mark.parametrize("chunk", [1, 1000])
@pytest.mark.parametrize("name", ODD)
def test_what_a_format_allows_is_not_doubted(name: str, chunk: int) -> None:
    assert not is_cut(ODD[name], media_of=ODD[name], chunk=chunk)


def test_a_document_that_was_added_to_has_two_ends() -> None:
    added_to = PDF + PDF[9:]

    assert is_cut(added_to[:-20], media_of=PDF)
    assert not is_cut(added_to, media_of=PDF)


async def test_a_text_that_looks_like_json_has_no_end_to_miss(
    server: HostileServer, downloader: SafeDownloader
) -> None:
    text = b'{"once": "upon' + b" a time" * 20_000

    assert await fetched(downloader, server.answers("/a", text), OutputKind.TEXT) == text


async def test_what_is_whole_and_no_json_is_refused_for_good(server: HostileServer, downloader: SafeDownloader) -> None:
    with pytest.raises(OutputRefused, match="promised to be JSON"):
        await fetched(downloader, server.answers("/a", b'{"a": nothing}'), OutputKind.JSON)
