"""Taking a document in for a template: a workbook's rows at once, everything else as a job that will bring them."""

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.documents.kinds import DocumentKind, kind_by_name
from aijobs.domain.documents.templates import Template
from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.ports.documents import DocumentParser
from aijobs.domain.values.actors import Owner
from aijobs.domain.values.ids import new_id
from aijobs.persistence.database import Database
from aijobs.persistence.documents.rows import RowsOrigin, replace_rows
from aijobs.persistence.documents.task_ids import bind_task_id
from aijobs.persistence.documents.templates import template_of
from aijobs.persistence.tables import JobRow
from aijobs.usecases.accept_job import AcceptJob
from aijobs.usecases.upload_file import KeepUpload, Upload

MODEL: Final = "document_extract_v1"
TEMPLATE_FIELD: Final = "templateId"
MAX_ID_LENGTH: Final = 100


@dataclass(frozen=True, kw_only=True)
class SentDocument:
    """An upload and the fields sent with it. `for_user` is the end user as the sender wrote it, if one was named."""

    upload: Upload
    template_id: str
    task_id: str | None = None
    for_user: str | None = None


@dataclass(frozen=True, kw_only=True)
class TakenJob:
    """A job was made, which will bring the rows."""

    code: str


@dataclass(frozen=True, kw_only=True)
class TakenTable:
    """The rows are there; `source` names this upload among those of the template."""

    template_id: str
    source: str
    count: int


@dataclass(frozen=True, kw_only=True)
class IntakeDocument:
    """Knows which kinds are read at once, and which become a job."""

    database: Database
    documents: DocumentParser
    keep_upload: KeepUpload
    accept: AcceptJob

    async def __call__(
        self, document: SentDocument, owner: Owner, *, idempotency_key: str | None = None
    ) -> TakenJob | TakenTable:
        """What became of it. With the same key again: the first job, or the same rows in place of the first ones.

        Raises NotFound without the template, what is wrong with the file as BadInput, and what accepting a job raises.
        """
        document.upload.check_size(self.keep_upload.max_bytes)
        template = await self._template(document.template_id)
        if kind_by_name(document.upload.name) is DocumentKind.EXCEL:
            return await self._table(document.upload, owner, template, idempotency_key)
        return await self._job(document, owner, template, idempotency_key)

    async def _template(self, template_id: str) -> Template:
        if not 0 < len(template_id) <= MAX_ID_LENGTH:
            where = FieldError(f"/{TEMPLATE_FIELD}", f"The field {TEMPLATE_FIELD} names it.")
            raise InvalidParameters("Which template?", where)
        async with self.database.read() as session:
            return await template_of(session, template_id)

    async def _table(self, upload: Upload, owner: Owner, template: Template, idempotency_key: str | None) -> TakenTable:
        """All of its rows or none."""
        key = idempotency_key
        origin = RowsOrigin(
            template_id=template.id,
            template_version=template.version,
            source=f"table_{_digest(owner.user_id, key, upload.sha256)}" if key else new_id("table"),
            user_id=owner.user_id,
        )
        async with self.documents.table(upload.path, upload.name, template.columns) as table:
            if not table.count:
                raise InvalidParameters("The table has no rows below its header.")
            await replace_rows(self.database, origin, table.rows())
        return TakenTable(template_id=template.id, source=origin.source, count=table.count)

    async def _job(
        self, document: SentDocument, owner: Owner, template: Template, idempotency_key: str | None
    ) -> TakenJob:
        """The document stays an upload of its owner, also where no job comes of it."""
        key_of_file = f"document {_digest(idempotency_key)}" if idempotency_key else None
        kept = await self.keep_upload(document.upload, owner, idempotency_key=key_of_file)
        params = {"file": kept.code, "template": template.id}
        request = JobRequest(model_id=MODEL, params=params, user_id=document.for_user)

        async def track(session: AsyncSession, job: JobRow) -> None:
            if document.task_id:
                await bind_task_id(session, document.task_id, job.code, job.user_id)

        receipt = await self.accept(request, owner, idempotency_key=idempotency_key, in_transaction=track)
        return TakenJob(code=receipt.code)


def _digest(*names: str) -> str:
    """The same for the same names, and as short as an id of ours."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:26].upper()
