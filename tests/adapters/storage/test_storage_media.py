"""Detecting media types, and checking them against the expected kind."""

import io
import json
import wave
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aijobs.adapters.download.content_check import checked_media
from aijobs.adapters.media.sniffing import SNIFF_BYTES, UNKNOWN, sniffed
from aijobs.domain.errors import OutputRefused
from aijobs.domain.jobs.outputs import OutputKind

IMAGE, VIDEO, AUDIO = OutputKind.IMAGE, OutputKind.VIDEO, OutputKind.AUDIO
TEXT, JSON, DOCUMENT, OTHER = OutputKind.TEXT, OutputKind.JSON, OutputKind.DOCUMENT, OutputKind.OTHER


def drawn(picture_format: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, picture_format)
    return file.getvalue()


def spoken() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(800))
    return file.getvalue()


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "<xml/>" * 50)
    return file.getvalue()


FILES = [
    (drawn("PNG"), "image/png", "png", IMAGE),
    (drawn("JPEG"), "image/jpeg", "jpg", IMAGE),
    (drawn("WEBP"), "image/webp", "webp", IMAGE),
    (drawn("GIF"), "image/gif", "gif", IMAGE),
    (drawn("TIFF"), "image/tiff", "tiff", IMAGE),
    (drawn("AVIF"), "image/avif", "avif", IMAGE),
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic", "heic", IMAGE),
    (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif", "avif", IMAGE),
    (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + bytes(40), "video/mp4", "mp4", VIDEO),
    (b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(40), "video/quicktime", "mov", VIDEO),
    (
        b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm",
        "video/webm",
        "webm",
        VIDEO,
    ),
    (b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska", "video/x-matroska", "mkv", VIDEO),
    (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42", "audio/mp4", "m4a", AUDIO),
    (b"ID3\x04\0\0\0\0\0\0" + bytes(40), "audio/mpeg", "mp3", AUDIO),
    (b"\xff\xfb\x90\x64" + bytes(40), "audio/mpeg", "mp3", AUDIO),
    (b"\xff\xf1\x50\x80" + bytes(40), "audio/aac", "aac", AUDIO),
    (spoken(), "audio/wav", "wav", AUDIO),
    (b"fLaC\0\0\0\x22", "audio/flac", "flac", AUDIO),
    (b"OggS\0\x02", "audio/ogg", "ogg", AUDIO),
    (b"%PDF-1.7\n", "application/pdf", "pdf", DOCUMENT),
    (
        zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsx",
        DOCUMENT,
    ),
    (
        zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "docx",
        DOCUMENT,
    ),
    (zipped("notes/word/a.txt"), "application/zip", "zip", OTHER),
    (b'{"rows": [1, 2]}', "application/json", "json", JSON),
    (b' \n[{"a": null}]', "application/json", "json", JSON),
    ("Ein Leuchtturm, 灯塔.\n".encode(), "text/plain", "txt", TEXT),
    (b"[1] A footnote", "text/plain", "txt", TEXT),
    (b"ID3 tags hold a title", "text/plain", "txt", TEXT),
    (b"The ftyp box comes first", "text/plain", "txt", TEXT),
    (b"RIFF or WAVE?", "text/plain", "txt", TEXT),
    (b"GIF89a, OggS and fLaC", "text/plain", "txt", TEXT),
    (("OggS " + "塔" * 30).encode(), "text/plain", "txt", TEXT),
    (b"a < b and <html> is a tag", "text/plain", "txt", TEXT),
    (b"<!DOCTYPE html><p>no", "text/html", "html", OTHER),
    (b"\xef\xbb\xbf\n<!-- hi -->\n<HTML lang=en>", "text/html", "html", OTHER),
    (b"<script>alert(1)</script>", "text/html", "html", OTHER),
    (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml", "svg", OTHER),
    (b'<?xml version="1.0"?>\n<!-- x --><svg width="1"/>', "image/svg+xml", "svg", OTHER),
    (b'<?xml version="1.0"?><rss/>', "application/xml", "xml", OTHER),
    (b"MZ\x90\0\x03\0", "application/octet-stream", "bin", OTHER),
    (b"\x1f\x8b\x08\0", "application/octet-stream", "bin", OTHER),
    (b"RIFF\x10\0\0\0AVI LIST", "application/octet-stream", "bin", OTHER),
    (b"caf\xe9", "application/octet-stream", "bin", OTHER),
]


@pytest.mark.parametrize(("content", "media_type", "extension", "kind"), FILES, ids=lambda value: str(value)[:24])
def test_a_file_is_taken_for_what_it_is(content: bytes, media_type: str, extension: str, kind: OutputKind) -> None:
    media = sniffed(content[:SNIFF_BYTES], complete=True)

    assert (media.media_type, media.extension, media.kind) == (media_type, extension, kind)


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_confuse_the_sniffer(content: bytes, complete: bool) -> None:  # noqa: FBT001
    media = sniffed(content, complete=complete)

    assert media.media_type
    assert content or media == UNKNOWN


@given(st.text(st.characters(codec="utf-8", min_codepoint=32), min_size=1), st.integers(1, 3))
def test_text_may_be_cut_in_the_middle_of_a_character(written: str, cut: int) -> None:
    head = (written + "塔").encode()[: -cut if cut < 3 else None]

    assert sniffed(b"Text: " + head, complete=False).kind in {TEXT, OTHER}
    assert sniffed("Text: 灯".encode()[:-1], complete=False).kind is TEXT


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_is_known_by_its_beginning_too(value: object) -> None:
    written = json.dumps([value]).encode()

    assert sniffed(written, complete=True).kind is JSON
    assert sniffed(written, complete=False).kind is JSON


def test_json_nested_without_end_is_only_text() -> None:
    assert sniffed(b"[" * 60_000, complete=True).kind is TEXT


@pytest.mark.parametrize(
    ("expect", "content"),
    [
        (IMAGE, drawn("PNG")),
        (VIDEO, b"\0\0\0\x20ftypisom\0\0\x02\0"),
        (AUDIO, spoken()),
        (TEXT, b"words"),
        (TEXT, b'["words"]'),
        (TEXT, b"<!doctype html><p>the answer is this page</p>"),
        (JSON, b"{}"),
        (DOCUMENT, b"%PDF-1.4"),
        (DOCUMENT, b"a,b,c\n1,2,3"),
        (OTHER, b"MZ\x90\0"),
    ],
)
def test_a_kept_promise(expect: OutputKind, content: bytes) -> None:
    assert checked_media(sniffed(content, complete=True), expect).kind is expect


@pytest.mark.parametrize(
    ("expect", "content", "message"),
    [
        (IMAGE, b"<!doctype html>", "promised to be an image, but it is HTML"),
        (IMAGE, b"<svg/>", "promised to be an image, but it is SVG"),
        (IMAGE, b"\0\0\0\x20ftypisom\0\0\x02\0", "an image, but it is video/mp4"),
        (IMAGE, b'{"error": "busy"}', "an image, but it is application/json"),
        (VIDEO, drawn("GIF"), "a video, but it is image/gif"),
        (AUDIO, b"busy", "audio, but it is text/plain"),
        (JSON, b"Sorry, I cannot do that.", "JSON, but it is text/plain"),
        (TEXT, drawn("PNG"), "text, but it is image/png"),
        (DOCUMENT, b"<html>", "a document, but it is HTML"),
        (DOCUMENT, b"MZ\x90\0", "a document, but it is something unknown"),
    ],
)
def test_a_broken_promise(expect: OutputKind, content: bytes, message: str) -> None:
    with pytest.raises(OutputRefused, match=message):
        checked_media(sniffed(content, complete=True), expect)


def test_where_nothing_was_promised_the_file_says_what_it_is() -> None:
    assert checked_media(sniffed(drawn("PNG"), complete=True), OTHER).kind is IMAGE


def test_sound_in_a_container_for_video_counts_as_sound() -> None:
    media = checked_media(sniffed(b"\0\0\0\x20ftypisom\0\0\x02\0", complete=True), AUDIO)

    assert (media.media_type, media.extension) == ("audio/mp4", "m4a")


def test_text_stays_text_whatever_it_looks_like() -> None:
    for content in (b'{"a": 1}', b"<svg/>", b"<script>"):
        assert checked_media(sniffed(content, complete=True), TEXT).media_type == "text/plain"
