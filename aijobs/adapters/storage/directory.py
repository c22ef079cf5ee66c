"""A local directory as object store: the default."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from io import BufferedReader
from pathlib import Path
from typing import Final

from aijobs.adapters.storage.atomic_file import AtomicFile, store_errors
from aijobs.adapters.storage.digest import Digest
from aijobs.adapters.storage.key_check import checked_key
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.domain.errors import NotFound, StoreUnavailable
from aijobs.domain.jobs.outputs import StoredObject
from aijobs.domain.values.shielded import shielded

BATCH_BYTES: Final = 1024 * 1024  #: chunks are collected up to this size: a thread call per small chunk would be slow
READ_BYTES: Final = 256 * 1024
LEFTOVER_AGE: Final = timedelta(days=1)  #: drafts without a write for this long belong to a process that has ended

_DRAFTS = ".drafts"  # no key begins with a dot


class DirectoryStore:
    """Each object is a file below `root`; links are signed here and served by the API."""

    def __init__(self, root: Path, signer: LinkSigner) -> None:
        self._root = root
        self._signer = signer

    @classmethod
    @asynccontextmanager
    async def opened(cls, root: Path, signer: LinkSigner) -> AsyncIterator["DirectoryStore"]:
        """Create the directory if needed, and delete old drafts of killed processes."""
        store = cls(root, signer)
        await shielded(asyncio.to_thread(store._prepare))
        yield store

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, media_type: str) -> StoredObject:
        target, digest = self.path_of(key), Digest()
        draft = AtomicFile(self._drafts)
        try:
            await shielded(asyncio.to_thread(draft.begin))
            await self._fill(draft, chunks, digest)
            await shielded(asyncio.to_thread(draft.publish, target))
        finally:
            await shielded(asyncio.to_thread(draft.discard))
        return StoredObject(key=key, size=digest.size, sha256=digest.sha256)

    async def _fill(self, draft: AtomicFile, chunks: AsyncIterator[bytes], digest: Digest) -> None:
        batch = bytearray()
        async for chunk in chunks:
            digest.update(chunk)
            batch += chunk
            if len(batch) >= BATCH_BYTES:
                await shielded(asyncio.to_thread(draft.write, batch))
                batch = bytearray()
        await shielded(asyncio.to_thread(draft.write, batch))

    async def read(self, key: str, *, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        path = self.path_of(key)
        file = await asyncio.to_thread(_open_to_read, path)
        with file:
            file.seek(start)
            while (wanted := READ_BYTES if stop is None else min(READ_BYTES, stop - file.tell())) > 0:
                chunk = await shielded(asyncio.to_thread(_read, file, wanted))
                if not chunk:
                    break
                yield chunk

    async def delete(self, key: str) -> None:
        await shielded(asyncio.to_thread(self._delete, self.path_of(key)))

    async def tidy(self, *, older_than: timedelta) -> int:
        return await shielded(asyncio.to_thread(self._tidy, older_than))

    async def link(self, key: str, *, lifetime: timedelta, filename: str, media_type: str) -> str:
        return self._signer.sign(checked_key(key), lifetime=lifetime, filename=filename, media_type=media_type)

    async def probe(self) -> None:
        draft = AtomicFile(self._drafts)
        try:
            await shielded(asyncio.to_thread(draft.begin))
        finally:
            await shielded(asyncio.to_thread(draft.discard))

    @property
    def _drafts(self) -> Path:
        return self._root / _DRAFTS

    def path_of(self, key: str) -> Path:
        """The path of an object, which need not exist. Raises BadInput for an invalid key."""
        return self._root / checked_key(key)

    def _prepare(self) -> None:
        with store_errors():
            for folder in (self._root, self._drafts):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._tidy(LEFTOVER_AGE)

    def _tidy(self, older_than: timedelta) -> int:
        with store_errors():
            return sum([_remove_if_old(draft, older_than) for draft in self._drafts.iterdir()])

    def _delete(self, file: Path) -> None:
        with store_errors():
            with suppress(FileNotFoundError, NotADirectoryError):
                file.unlink()
            for folder in file.relative_to(self._root).parents[:-1]:
                try:
                    (self._root / folder).rmdir()
                except OSError:  # not empty, or already removed
                    return


def _remove_if_old(draft: Path, older_than: timedelta) -> bool:
    """Returns whether it was deleted. Its age counts from the last write, since a running put may take long."""
    try:
        old = time.time() - draft.stat().st_mtime > older_than.total_seconds()
        if old:
            draft.unlink()
    except FileNotFoundError:  # finished meanwhile, or another process was faster
        return False
    return old


def _read(file: BufferedReader, size: int) -> bytes:
    with store_errors():
        return file.read(size)


def _open_to_read(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as absent:
        raise NotFound("Nothing is stored under this key.") from absent
    except OSError as error:
        raise StoreUnavailable(f"The stored file cannot be read: {error.strerror}.") from error
