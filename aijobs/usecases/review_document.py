"""A person's review of an extracted table: the rows, the Excel file and the JSON are made again, in one step."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from sqlmodel import Session

from aijobs.domain.documents.review import DocumentReview, NumberedRow, ReviewedTable, reviewed
from aijobs.domain.documents.sources import stored_sources
from aijobs.domain.documents.templates import Template
from aijobs.domain.errors import NothingToReview, Overtaken, StoreUnavailable
from aijobs.domain.jobs.outputs import OutputKind, StoredObject
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.documents import TableWriter
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.values.actors import Actor
from aijobs.domain.values.ids import new_id
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.documents.document_job_details import version_used
from aijobs.persistence.documents.reviews import keep_review, numbered, revision_of, table_rows
from aijobs.persistence.documents.templates import template_of
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.write_intents import begin_write, finish_write
from aijobs.persistence.tables import JobRow, OutputRow
from aijobs.usecases.intake_document import MODEL
from aijobs.usecases.upload_file import once

MAX_TRIES: Final = 5  #: where other reviews of the same table come between


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """A table, all of it as it was at `revision`."""

    template: Template
    rows: Sequence[NumberedRow]
    revision: int
    outputs: list[OutputRow]


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """What a review makes of a stored table."""

    before: _Stored
    table: ReviewedTable


@dataclass(frozen=True, kw_only=True)
class ReviewDocument:
    """Corrects the table of a job that has succeeded, and accepts it."""

    database: Database
    store: ObjectStore
    tables: TableWriter

    async def __call__(self, code: str, review: DocumentReview, actor: Actor) -> JobRow:
        """The job as it stands then. All of the review is kept, with who made it, or nothing.

        Outputs keep their numbers and get new content under new keys; the old objects are swept later, so that links to
        them end as they would have. Raises NotFound, NothingToReview, InvalidParameters that names each wrong value,
        StoreUnavailable, and Overtaken when other reviews keep coming between.
        """
        for _ in range(MAX_TRIES):
            before = await self.database.snapshot(_stored, code, actor)
            table = await asyncio.to_thread(reviewed, before.template.columns, before.rows, review)
            draft = _Draft(before=before, table=table)
            if not draft.table.changes:
                break
            written = await self._written(code, draft)
            try:
                return await self.database.write(_keep, code, draft, written, actor)
            except Overtaken:
                for stored in written.values():
                    await self.store.delete(stored.key)
        else:
            raise Overtaken("Others review the same table. Try again.")
        return await self.database.read(job_of, code, user_id=actor.user_id)

    async def _written(self, code: str, draft: _Draft) -> Mapping[int, StoredObject]:
        """New content of the outputs, by their numbers, under keys that nothing else uses."""
        written = dict[int, StoredObject]()
        for output in draft.before.outputs:
            if output.kind is OutputKind.DOCUMENT:
                values = [row.values for row in draft.table.rows]
                sources = [row.sources for row in draft.table.rows]
                content = await self.tables.workbook(draft.before.template.columns, values, sources)
            elif output.kind is OutputKind.JSON:
                content = await asyncio.to_thread(_as_json, await self._content(output), draft)
            else:
                continue
            extension = PurePosixPath(output.key).suffix
            key = f"outputs/{code}/{output.index}-{new_id('v')}{extension}"
            await self.database.write(begin_write, key, job_code=None)
            written[output.index] = await self.store.put(key, once(content), media_type=output.media_type)
        return written

    async def _content(self, output: OutputRow) -> bytes:
        return b"".join([chunk async for chunk in self.store.read(output.key)])


def _stored(session: Session, code: str, actor: Actor) -> _Stored:
    job = job_of(session, code, user_id=actor.user_id)
    if job.model_id != MODEL or job.job_status is not JobStatus.SUCCESS:
        raise NothingToReview("Only a document's job that has succeeded has a table to review.")
    return _Stored(
        template=template_of(session, str(job.params["template"]), version_used(session, code)),
        rows=numbered(table_rows(session, code)),
        revision=revision_of(session, code),
        outputs=outputs_of(session, code),
    )


def _keep(session: Session, code: str, draft: _Draft, written: Mapping[int, StoredObject], actor: Actor) -> JobRow:
    job = locked_job(session, code)
    if revision_of(session, code) != draft.before.revision or job.job_status is not JobStatus.SUCCESS or job.deleted:
        raise Overtaken("The table has changed meanwhile.")
    keep_review(session, job, draft.before.template, draft.table, actor)
    for output in outputs_of(session, code):
        if (stored := written.get(output.index)) is None:
            continue
        begin_write(session, output.key, job_code=None)  # so that the sweep finds the old object
        if not finish_write(session, stored.key):
            raise StoreUnavailable("Storing the corrected files took too long. Send the review again.")
        output.key, output.size, output.sha256 = stored.key, stored.size, stored.sha256
        output.update_by, output.update_time = actor.key_id, now()
    return job


def _as_json(before: bytes, draft: _Draft) -> bytes:
    """The JSON output with the reviewed rows; what was mended in the answer stays as it was."""
    document: dict[str, Any] = json.loads(before)
    rows = draft.table.rows
    document["broken_rules"] = [
        {"row": index, "column": column, "rules": cell.rules}
        for index, row in enumerate(rows)
        for column, cell in row.sources.items()
        if cell.rules
    ]
    document["rows"] = [row.values for row in rows]
    document["sources"] = [stored_sources(row.sources) for row in rows]
    document["reviews"] = draft.before.revision + len(draft.table.changes)
    return json.dumps(document, ensure_ascii=False, indent=1).encode()
