"""A document for a template: a workbook's rows are imported at once, any other document becomes a job."""

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from aijobs.domain.documents.formats import DocumentKind, kind_by_name
from aijobs.domain.documents.templates import Template
from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.ports.documents import DocumentParser
from aijobs.domain.values.actors import Owner
from aijobs.domain.values.ids import new_id
from aijobs.persistence.database import Database
from aijobs.persistence.documents.client_task_ids import bind_task_id
from aijobs.persistence.documents.rows import RowsOrigin, write_rows
from aijobs.persistence.documents.templates import template_of
from aijobs.persistence.tables import JobRow
from aijobs.usecases.accept_job import AcceptJob
from aijobs.usecases.upload_file import KeepUpload, Upload

MODEL: Final = "document_extract_v1"
TEMPLATE_FIELD: Final = "templateId"
MAX_ID_LENGTH: Final = 100


@dataclass(frozen=True, kw_only=True)
class SentDocument:
    """An upload and its form's fields. `for_user` is the end user in the form, not yet validated; None without one."""

    upload: Upload
    template_id: str
    task_id: str | None = None
    for_user: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExtractionJob:
    """The document became this job, which will extract its rows."""

    code: str


@dataclass(frozen=True, kw_only=True)
class ImportedTable:
    """The rows are stored. `source` identifies this upload within the template."""

    template_id: str
    source: str
    count: int


@dataclass(frozen=True, kw_only=True)
class IntakeDocument:
    """Imports workbooks, and accepts jobs for other documents."""

    database: Database
    documents: DocumentParser
    keep_upload: KeepUpload
    accept: AcceptJob

    async def __call__(
        self, document: SentDocument, owner: Owner, *, idempotency_key: str | None = None
    ) -> ExtractionJob | ImportedTable:
        """A second call with the same key returns the first job, or replaces the first rows by the same.

        Raises NotFound without the template, BadInput for an invalid file, and what accepting a job raises.
        """
        document.upload.check_size(self.keep_upload.max_bytes)
        template = await self._template(document.template_id)
        if kind_by_name(document.upload.name) is DocumentKind.EXCEL:
            return await self._import_table(document.upload, owner, template, idempotency_key)
        return await self._accept_job(document, owner, template, idempotency_key)

    async def _template(self, template_id: str) -> Template:
        if not 0 < len(template_id) <= MAX_ID_LENGTH:
            field = FieldError(f"/{TEMPLATE_FIELD}", f"The field {TEMPLATE_FIELD} names it.")
            raise InvalidParameters("Which template?", field)
        return await self.database.read(template_of, template_id)

    async def _import_table(
        self, upload: Upload, owner: Owner, template: Template, idempotency_key: str | None
    ) -> ImportedTable:
        """Stores all of its rows or none."""
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
            await self.database.write(lambda session: write_rows(session, origin, table.rows()))
        return ImportedTable(template_id=template.id, source=origin.source, count=table.count)

    async def _accept_job(
        self, document: SentDocument, owner: Owner, template: Template, idempotency_key: str | None
    ) -> ExtractionJob:
        """Accepts a job. The document is stored first, and stays when the job is refused."""
        upload_key = f"document {_digest(idempotency_key)}" if idempotency_key else None
        upload = await self.keep_upload(document.upload, owner, idempotency_key=upload_key)
        params = {"file": upload.code, "template": template.id}
        request = JobRequest(model_id=MODEL, params=params, user_id=document.for_user)

        def bind_task(session: Session, job: JobRow) -> None:
            if document.task_id:
                bind_task_id(session, document.task_id, job.code, job.user_id)

        receipt = await self.accept(request, owner, idempotency_key=idempotency_key, in_transaction=bind_task)
        return ExtractionJob(code=receipt.code)


def _digest(*names: str) -> str:
    """A digest of the names, as long as one of our ids."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:26].upper()
