"""Where outputs and uploads live."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

from aijobs.domain.jobs.outputs import StoredObject

STORE_PATH: Final = "/api/store/"
"""Of the links that the API serves: `{key}?filename=…&type=…&expires=<unix>&signature=<…>`."""


class ObjectStore(Protocol):
    """A bucket, or a directory. Keys are `/`-separated ASCII paths."""

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, media_type: str) -> StoredObject:
        """Stream an object of any size into the store with flat memory.

        Whole or not at all: on any failure, cancellation included, nothing of it stays. Replaces what was there.
        Raises StoreUnavailable; what `chunks` raises passes through.
        """
        ...

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The object's bytes from `start`, a place inside it, to before `stop` or to its end. Raises NotFound."""
        ...

    async def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        ...

    async def tidy(self, *, older_than: timedelta) -> int:
        """Remove what unfinished puts of dead processes have left; returns how many there were."""
        ...

    async def link(self, key: str, *, lifetime: timedelta, filename: str, media_type: str) -> str:
        """A signed link that anybody may read until it expires; `filename` is part of what is signed."""
        ...

    async def probe(self) -> None:
        """Raises StoreUnavailable with the reason, when the store cannot be used now."""
        ...


@dataclass(frozen=True)
class ServedObject:
    """A file to send, and how a browser is to treat it: the value of a `Content-Disposition` header."""

    path: Path
    disposition: str


class ServedObjects(Protocol):
    """Objects that the API itself serves, to holders of a signed link."""

    async def find(self, key: str, *, filename: str, media_type: str, expires: int, signature: str) -> ServedObject:
        """What a link leads to.

        Raises NotAllowed when the link was not made here; NotFound when it has expired, or nothing is there.
        """
        ...
