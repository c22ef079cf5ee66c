"""Uploading an input to Replicate."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from python_multipart.multipart import parse_form

from aijobs.domain.errors import NotFound, ProviderFailed, ProviderUnavailable
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import InputFile
from aijobs.providers.replicate.upload import MAX_FILE

At = Callable[..., Awaitable[Any]]

LINK = "https://api.replicate.com/v1/files/f1"
PHOTO = [b"\x89PNG", b"\r\n--not-the-boundary\r\n", b"\x00" * 1000]


async def photo_chunks() -> AsyncIterator[bytes]:
    for chunk in PHOTO:
        yield chunk


def file(**changes: Any) -> InputFile:
    size = sum(map(len, PHOTO))
    photo = InputFile(name="Grandma's photo.PNG", media_type="image/png", size=size, chunks=photo_chunks)
    return replace(photo, **changes)


def parts_of(received: Any) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    """The fields, and the files with their names, of a received form."""
    fields: dict[str, str] = {}
    files: dict[str, tuple[str, bytes]] = {}

    def on_field(field: Any) -> None:
        fields[field.field_name.decode()] = field.value.decode()

    def on_file(sent: Any) -> None:
        sent.file_object.seek(0)
        files[sent.field_name.decode()] = (sent.file_name.decode(), sent.file_object.read())
        sent.close()

    parse_form(
        {name.title(): value.encode() for name, value in received.headers.items()},
        io.BytesIO(received.body),
        on_field,
        on_file,
    )
    return fields, files


async def test_a_file_is_streamed_as_a_form_and_named_for_the_token(
    replicate_at: At, vendor_that: At, server: Any
) -> None:
    vendor = await vendor_that(server.answers(201, {"id": "f1", "urls": {"get": LINK}}))
    replicate: Provider = await replicate_at(vendor.url)

    link = await replicate.attach(file(), token="sub_1")

    assert link == LINK
    (received,) = vendor.received
    assert (received.method, received.path) == ("POST", "/v1/files")
    assert received.headers["authorization"].startswith("Bearer r8_")
    fields, files = parts_of(received)
    assert fields == {"type": "image/png", "filename": "sub_1.PNG"}
    assert files == {"content": ("sub_1.PNG", b"".join(PHOTO))}


@pytest.mark.parametrize(
    ("name", "media_type", "token", "sent"),
    [
        ("photo", "image/png", "sub_1", "sub_1.png"),
        ("photo", "application/x-unheard-of", "sub_1", "sub_1"),
        ('a".jpg"; x="', "image/jpeg", "sub_1", "sub_1.jpg"),
        ("photo.jpg", "image/jpeg", "s" * 300, "s" * 251 + ".jpg"),
    ],
)
async def test_the_name_is_short_and_harmless(
    replicate_at: At, vendor_that: At, server: Any, name: str, media_type: str, token: str, sent: str
) -> None:
    vendor = await vendor_that(server.answers(201, {"urls": {"get": LINK}}))
    replicate = await replicate_at(vendor.url)

    await replicate.attach(file(name=name, media_type=media_type), token=token)

    fields, _ = parts_of(vendor.received[0])
    assert fields["filename"] == sent


async def test_a_file_that_is_too_large_is_not_even_sent(replicate: Provider) -> None:
    with pytest.raises(ProviderFailed):
        await replicate.attach(file(size=MAX_FILE + 1), token="sub_1")


@pytest.mark.parametrize("status", [400, 401, 403, 413, 415, 422])
async def test_a_refused_file_is_refused_for_good(replicate_at: At, vendor_that: At, server: Any, status: int) -> None:
    vendor = await vendor_that(server.answers(status, {"detail": "Files must be less than 100MB in size"}))
    replicate = await replicate_at(vendor.url)

    with pytest.raises(ProviderFailed, match="100MB"):
        await replicate.attach(file(), token="sub_1")


@pytest.mark.parametrize(
    ("status", "body"), [(500, {}), (429, {}), (201, b"<html>"), (201, {"urls": None}), (201, {"urls": {}})]
)
async def test_an_upload_that_brought_no_link_may_be_repeated(
    replicate_at: At, vendor_that: At, server: Any, status: int, body: Any
) -> None:
    vendor = await vendor_that(server.answers(status, body))
    replicate = await replicate_at(vendor.url)

    with pytest.raises(ProviderUnavailable):
        await replicate.attach(file(), token="sub_1")


@pytest.mark.parametrize("size", [3, 5000])
async def test_a_file_of_another_length_than_promised_is_refused(
    replicate_at: At, vendor_that: At, server: Any, size: int
) -> None:
    vendor = await vendor_that(server.answers(201, {"urls": {"get": LINK}}))
    replicate = await replicate_at(vendor.url)

    with pytest.raises(ProviderFailed):
        await replicate.attach(file(size=size), token="sub_1")


async def test_what_reading_the_file_raises_passes_through(replicate_at: At, vendor_that: At, server: Any) -> None:
    async def gone() -> AsyncIterator[bytes]:
        yield b"half"
        raise NotFound("The file is gone.")

    vendor = await vendor_that(server.answers(201, {"urls": {"get": LINK}}))
    replicate = await replicate_at(vendor.url)

    with pytest.raises(NotFound):
        await replicate.attach(file(chunks=gone), token="sub_1")
