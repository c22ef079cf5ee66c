"""Checks the object store with an object of two parts: a small one would not prove that outputs can be stored."""

import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from typing import Final

from aijobs.bootstrap import open_store
from aijobs.domain.errors import NotFound, StoreUnavailable
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.settings import Settings
from cli.doctor.report import Finding, broken, fine, off

TRIAL_BYTES: Final = 9 * 1024 * 1024  #: more than one part of ours
CHUNK_BYTES: Final = 1024 * 1024


async def store(settings: Settings) -> Finding:
    """Write and read a test object, and delete it."""
    location = settings.store.url or str(settings.data_dir / "store")
    if not settings.store.is_s3 and not (settings.store.directory or settings.data_dir / "store").exists():
        return off("Store", f"{location} is not there yet.", "It is made at the first start.")
    try:
        async with open_store(settings, secret=b"only for the doctor") as opened:
            await try_two_parts(opened)
    except StoreUnavailable as unavailable:
        hint = "Check AIJOBS_STORE__URL and its keys, or the folder's owner and the space on its disk."
        return broken("Store", f"{location}: {unavailable}", hint)
    return fine("Store", f"{location} takes objects of several parts and gives them back")


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
    """Random bytes, which no store can compress."""
    for _ in range(TRIAL_BYTES // CHUNK_BYTES):
        yield os.urandom(CHUNK_BYTES)


async def _read_back(store: ObjectStore, key: str) -> tuple[int, str]:
    size, sha256 = 0, hashlib.sha256()
    async for chunk in store.read(key):
        size += len(chunk)
        sha256.update(chunk)
    return size, sha256.hexdigest()
