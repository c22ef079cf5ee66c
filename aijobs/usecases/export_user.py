"""A user's everything as one ZIP file, streamed: JSON Lines, the uploads, and what was made."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlmodel import Session

from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.values.audit import Act, ActKind
from aijobs.persistence.audit_log import record
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.retention.user_tables import OF_JOBS, OF_USER, TablePage, job_codes, rows_of_jobs, rows_of_user
from aijobs.usecases.zip_stream import ZipStream

Rows = AsyncIterator[list[dict[str, Any]]]
Read = Callable[[Session, tuple[Any, ...] | None], TablePage]

#: The folders of objects, by the table that names them.
FOLDERS: Final = {"uploads": "files", "outputs": "outputs"}


@dataclass(frozen=True, kw_only=True)
class ExportUser:
    """Also what its owner has deleted, and is not erased yet. Exporting is kept in the audit log."""

    database: Database
    store: ObjectStore

    async def __call__(self, user_id: str) -> AsyncGenerator[bytes]:
        """The file's parts. A user of whom nothing is there gets a file of empty tables."""
        await self.database.write(record, Act(kind=ActKind.DATA_EXPORTED, target="user", user_id=user_id))
        return self._parts(user_id)

    async def _parts(self, user_id: str) -> AsyncGenerator[bytes]:
        at, archive = now(), ZipStream()
        for name in (*OF_USER, *OF_JOBS):
            async for part in archive.add_text(f"{name}.jsonl", self._lines(name, user_id), at=at):
                yield part
        for name in FOLDERS:
            async for rows in self._rows(name, user_id):
                for row in rows:
                    async for part in self._object(archive, FOLDERS[name], row):
                        yield part
        yield archive.end()

    async def _lines(self, name: str, user_id: str) -> AsyncIterator[bytes]:
        async for rows in self._rows(name, user_id):
            yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()

    async def _object(self, archive: ZipStream, folder: str, row: dict[str, Any]) -> AsyncGenerator[bytes]:
        name = f"{folder}/{row['key'].replace('/', '_')}"
        content = self.store.read(row["key"])
        async for part in archive.add_stored(name, content, size=row["size"], at=now()):
            yield part

    async def _rows(self, name: str, user_id: str) -> Rows:
        if name in OF_USER:
            async for rows in self._pages(lambda session, after: rows_of_user(session, name, user_id, after)):
                yield rows
            return
        last = 0
        while jobs := await self.database.snapshot(job_codes, user_id, last):
            codes, last = [code for _, code in jobs], jobs[-1][0]
            async for rows in self._pages(_of_jobs(name, codes)):
                yield rows

    async def _pages(self, read: Read) -> Rows:
        after: tuple[Any, ...] | None = None
        while True:
            page = await self.database.snapshot(read, after)
            if page.rows:
                yield page.rows
            if page.last is None:
                return
            after = page.last


def _of_jobs(name: str, codes: list[str]) -> Read:
    return lambda session, after: rows_of_jobs(session, name, codes, after)
