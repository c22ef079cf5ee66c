"""A trial of a store with an object like those that matter: one that is large enough to go up in parts."""

import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from typing import Final

from aijobs.adapters.storage.multipart import PART_BYTES
from aijobs.domain.errors import NotFound, StoreUnavailable
from aijobs.domain.ports.object_store import ObjectStore

TRIAL_BYTES: Final = PART_BYTES + 1024 * 1024
CHUNK_BYTES: Final = 1024 * 1024


async def try_two_parts(store: ObjectStore) -> None:
    """Write an object of two parts, read it back, and delete it. Raises StoreUnavailable."""
    key = f"aijobs-doctor-{secrets.token_hex(8)}"
    try:
        stored = await store.put(key, _noise(), media_type="application/octet-stream")
        try:
            size, sha256 = await _read_back(store, key)
        finally:
            await store.delete(key)
    except NotFound:
        raise StoreUnavailable("An object that was just written is not there.") from None
    if (size, sha256) != (stored.size, stored.sha256):
        raise StoreUnavailable(f"Of an object of {stored.size} bytes, {size} bytes came back that are not the same.")


async def _noise() -> AsyncIterator[bytes]:
    """Which no store can compress."""
    for _ in range(TRIAL_BYTES // CHUNK_BYTES):
        yield os.urandom(CHUNK_BYTES)


async def _read_back(store: ObjectStore, key: str) -> tuple[int, str]:
    size, sha256 = 0, hashlib.sha256()
    async for chunk in store.read(key):
        size += len(chunk)
        sha256.update(chunk)
    return size, sha256.hexdigest()
