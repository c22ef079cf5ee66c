"""Results: where a provider keeps them, and what we keep of them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from aijobs.domain.values.media import MediaFacts

SHOWN_BY_BROWSERS: Final = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "video/", "audio/")
"""Media types, or how they begin, that are shown without running anything; SVG and HTML are not among them."""


class OutputKind(StrEnum):
    """What an output is, as front ends care about it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    JSON = "json"
    DOCUMENT = "document"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class OutputSource:
    """Where one result can be fetched: a `url` at the provider (with `headers`), or the `content` itself."""

    kind: OutputKind
    url: str | None = None
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None


class OutputContent(BaseModel):
    """What a result is. `size` in bytes, `sha256` in hex. Declared here, for the database and for the API."""

    index: int
    kind: OutputKind
    media_type: str
    size: int
    sha256: str


class OutputDetails(BaseModel):
    """Where the provider had a result, how large its picture is, in pixels, and what is known of a video or a sound."""

    original_url: str | None
    width: int | None
    height: int | None
    media: MediaFacts | None = None


class StoredOutput(OutputDetails, OutputContent):
    """One result in our own store."""

    model_config = ConfigDict(frozen=True)

    key: str


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """What a store says of an object it has taken. `size` in bytes, `sha256` in hex."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Download:
    """An open download: the response's headers, and the bytes, which are checked as they arrive."""

    media_type: str  #: sniffed, not what the server claims
    extension: str
    kind: OutputKind = OutputKind.OTHER  #: what was expected; where that was OTHER, what it turned out to be
    total: int | None  #: bytes, where the server says so
    chunks: AsyncIterator[bytes]
    head: bytearray = field(default_factory=bytearray)  #: the first 256 KiB, filled as the chunks pass
    measure: Callable[[], tuple[int, int] | None] = lambda: None  #: width and height, once the head has passed


def output_key(job_code: str, index: int, extension: str) -> str:
    """The same for every try, so that a retry overwrites itself."""
    return f"outputs/{job_code}/{index}.{extension}"
