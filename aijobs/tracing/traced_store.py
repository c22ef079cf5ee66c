"""An object store whose writes are part of the trace."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from aijobs.domain.jobs.outputs import StoredObject
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.tracing.spans import BYTES, client_span, is_on


@dataclass(frozen=True)
class TracedStore:
    """Implements ObjectStore over another one. Keys are not told: they are parts of links."""

    inside: ObjectStore

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, media_type: str) -> StoredObject:
        with client_span("store put") as span:
            stored = await self.inside.put(key, chunks, media_type=media_type)
            span.set_attribute(BYTES, stored.size)
            return stored

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        return self.inside.read(key, start=start, stop=stop)

    async def delete(self, key: str) -> None:
        with client_span("store delete"):
            await self.inside.delete(key)

    async def tidy(self, *, older_than: timedelta) -> int:
        return await self.inside.tidy(older_than=older_than)

    async def link(self, key: str, *, lifetime: timedelta, filename: str, media_type: str) -> str:
        return await self.inside.link(key, lifetime=lifetime, filename=filename, media_type=media_type)

    async def probe(self) -> None:
        await self.inside.probe()


def traced_store(store: ObjectStore) -> ObjectStore:
    """The store, whose writes are part of the trace where traces are kept."""
    return TracedStore(store) if is_on() else store
