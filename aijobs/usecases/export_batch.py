"""A batch's results: a manifest as JSON Lines or CSV, or one ZIP file with everything; streamed, with flat memory."""

import json
import tempfile
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import IO, Any, Final

from sqlmodel import Session

from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.values.audit import Act, ActKind
from aijobs.domain.values.safe_csv import BYTE_ORDER_MARK, safe_csv
from aijobs.persistence.audit_log import record
from aijobs.persistence.batches.queries import ShownItem, batch_of, items_page
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.tables import OutputRow
from aijobs.usecases.steer_batch import is_somebody_elses
from aijobs.usecases.zip_stream import ZipStream

AT_ONCE: Final = 200
"""Rows that are read together, with their outputs."""

MAX_IN_MEMORY: Final = 1024 * 1024
CHUNK_BYTES: Final = 64 * 1024

MANIFEST: Final = "results.jsonl"

COLUMNS: Final = (
    "number", "user_id", "job_code", "job_status_name", "error_code", "error_message", "charged", "ended_at",
    "metadata", "output_index", "media_type", "size", "sha256", "url",
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """An item with its outputs."""

    item: ShownItem
    outputs: Sequence[OutputRow]


@dataclass(frozen=True, kw_only=True)
class ExportBatch:
    """`link` signs a link to an output."""

    database: Database
    store: ObjectStore
    link: Callable[[OutputRow], Awaitable[str]]

    async def begin(self, code: str, user_id: str | None, *, form: str) -> None:
        """Before the others. Records what somebody else than the batch's owner exports. Raises NotFound."""
        batch = await self.database.read(batch_of, code, user_id=user_id)
        if is_somebody_elses(batch):
            act = Act(kind=ActKind.DATA_EXPORTED, target=code, user_id=batch.user_id, after={"format": form})
            await self.database.write(record, act)

    async def json_lines(self, code: str, user_id: str | None) -> AsyncGenerator[str]:
        """A line for each row, in their order, with links to its outputs. Raises NotFound."""
        async for page in self._pages(code, user_id):
            yield "".join([_line(await self._document(result)) for result in page])

    async def csv(self, code: str, user_id: str | None) -> AsyncGenerator[str]:
        """A line for each output, and for each row without one. Raises NotFound."""
        yield BYTE_ORDER_MARK + safe_csv([COLUMNS])
        async for page in self._pages(code, user_id):
            rows = [row for result in page for row in _csv_rows(await self._document(result))]
            yield safe_csv(rows)

    async def zip(self, code: str, user_id: str | None) -> AsyncGenerator[bytes]:
        """All outputs, named by the number of their row, and behind them a manifest that names the files.

        ZIP64 without compression: pictures and videos are compressed already. Raises NotFound.
        """
        archive = ZipStream()
        with tempfile.SpooledTemporaryFile(MAX_IN_MEMORY, prefix="aijobs-") as manifest:
            async for page in self._pages(code, user_id):
                for result in page:
                    files: dict[int, str] = {}
                    for output in result.outputs:
                        name = f"{result.item.row.number:06d}_{output.index}.{output.key.rpartition('.')[2]}"
                        content = self.store.read(output.key)
                        adding = archive.add_stored(name, content, size=output.size, at=output.create_time)
                        async with aclosing(adding) as chunks:
                            async for chunk in chunks:
                                files[output.index] = name
                                yield chunk
                    manifest.write(_line(_item_document(result, {"file": files})).encode())
            manifest.seek(0)
            async for chunk in archive.add_text(MANIFEST, _chunks(manifest), at=now()):
                yield chunk
        yield archive.end()

    async def _pages(self, code: str, user_id: str | None) -> AsyncIterator[list[Result]]:
        after: int | None = None
        while True:
            results, has_more = await self.database.snapshot(_results, code, user_id, after)
            yield results
            if not has_more:
                return
            after = results[-1].item.row.number

    async def _document(self, result: Result) -> dict[str, Any]:
        return _item_document(result, {"url": {output.index: await self.link(output) for output in result.outputs}})


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while part := file.read(CHUNK_BYTES):
        yield part


def _results(session: Session, code: str, user_id: str | None, after: int | None) -> tuple[list[Result], bool]:
    items, has_more = items_page(session, code, user_id=user_id, statuses=(), after=after, limit=AT_ONCE)
    outputs: defaultdict[str, list[OutputRow]] = defaultdict(list)
    for output in outputs_of(session, *(item.row.job_code for item in items if item.row.job_code)):
        outputs[output.job_code].append(output)
    return [Result(item, outputs[item.row.job_code or ""]) for item in items], has_more


def _item_document(result: Result, places: dict[str, dict[int, str]]) -> dict[str, Any]:
    """`places`: by the name of a field, where each output is."""
    item, row = result.item, result.item.row
    error = (item.error or row.error) if item.status.is_final else None
    return {
        "number": row.number,
        "user_id": row.user_id,
        "job_code": row.job_code,
        "job_status_name": item.status.name,
        "error": {"code": error["code"], "message": error["message"]} if error else None,
        "charged": row.charged,
        "ended_at": rfc3339(row.ended_at) if row.ended_at else None,
        "metadata": row.extra,
        "outputs": [
            {
                "index": output.index,
                "media_type": output.media_type,
                "size": output.size,
                "sha256": output.sha256,
                **{name: by_index.get(output.index) for name, by_index in places.items()},
            }
            for output in result.outputs
        ],
    }


def _line(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False) + "\n"


def _csv_rows(document: dict[str, Any]) -> list[list[object]]:
    error = document["error"] or {}
    own = [
        *(document[name] for name in COLUMNS[:4]),
        error.get("code"),
        error.get("message"),
        document["charged"],
        document["ended_at"],
        json.dumps(document["metadata"], ensure_ascii=False) if document["metadata"] else None,
    ]
    outputs = document["outputs"] or [{}]
    return [
        [*own, *(output.get(name) for name in ("index", "media_type", "size", "sha256", "url"))] for output in outputs
    ]
