"""Results: where a provider keeps them, and what we keep of them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


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


class StoredOutput(BaseModel):
    """One result in our own store. `size` in bytes, `sha256` in hex, `width` and `height` in pixels."""

    model_config = ConfigDict(frozen=True)

    index: int
    kind: OutputKind
    media_type: str
    size: int
    sha256: str
    key: str
    original_url: str | None
    width: int | None
    height: int | None


def output_key(job_code: str, index: int, extension: str) -> str:
    """The same for every try, so that a retry overwrites itself."""
    return f"outputs/{job_code}/{index}.{extension}"
