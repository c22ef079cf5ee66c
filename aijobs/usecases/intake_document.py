"""A document for a template: a table's rows are imported at once, any other document becomes a job."""

import asyncio
import hashlib
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sqlmodel import Session

from aijobs.domain.documents.costs import CostEstimate
from aijobs.domain.documents.formats import SCAN_TOKENS, DocumentKind, DocumentSize, kind_by_name
from aijobs.domain.documents.templates import Template
from aijobs.domain.errors import FieldError, InvalidParameters, ModelNotConfigured, NoTableHeader
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.ports.documents import CostEstimator, DocumentParser
from aijobs.domain.values.actors import Owner
from aijobs.domain.values.ids import new_id
from aijobs.persistence.access.idempotency import Receipt
from aijobs.persistence.database import Database
from aijobs.persistence.documents.client_task_ids import bind_task_id
from aijobs.persistence.documents.rows import RowsOrigin, write_rows
from aijobs.persistence.documents.templates import template_of
from aijobs.persistence.jobs.queries import file_of
from aijobs.persistence.tables import JobRow
from aijobs.usecases.accept_job import AcceptJob
from aijobs.usecases.idempotency import claim_for, run_idempotently
from aijobs.usecases.upload_file import FileType, KeepUpload, Upload

MODEL: Final = "document_extract_v1"
TEMPLATE_FIELD: Final = "templateId"
MAX_ID_LENGTH: Final = 100
PICTURE: Final = "image/*"  #: the media type of any scan or photo


@dataclass(frozen=True, kw_only=True)
class SentDocument:
    """An upload and its form's fields. `for_user` is the end user in the form, not yet validated; None without one."""

    upload: Upload
    template_id: str
    task_id: str | None = None
    for_user: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExtractionJob:
    """The document became this job, which will extract its rows. `estimate` is for a document that is new here."""

    code: str
    estimate: CostEstimate | None


@dataclass(frozen=True, kw_only=True)
class ImportedTable:
    """The rows are stored. `source` identifies this upload within the template."""

    template_id: str
    source: str
    count: int


@dataclass(frozen=True, kw_only=True)
class IntakeDocument:
    """Imports tables, and accepts jobs for other documents."""

    database: Database
    documents: DocumentParser
    costs: CostEstimator | None
    keep_upload: KeepUpload
    accept: AcceptJob

    async def __call__(
        self, document: SentDocument, owner: Owner, *, idempotency_key: str | None = None
    ) -> ExtractionJob | ImportedTable:
        """Rows of a workbook, and of a text whose header names the template's columns, are imported; all else is a job.

        A second call with the same key and document returns the first job, or the first table.

        Raises NotFound without the template, BadInput for an invalid file, TooExpensive for one that would cost more
        than the template allows, IdempotencyMismatch, and what accepting a job raises.
        """
        document.upload.check_size(self.keep_upload.max_bytes)
        template = await self._template(document.template_id)
        kind = kind_by_name(document.upload.name)
        if kind.may_be_table:
            try:
                return await self._import_table(document.upload, owner, template, idempotency_key)
            except NoTableHeader:
                if kind.is_workbook:
                    raise
        return await self._accept_job(document, owner, template, idempotency_key)

    async def estimate(self, document: SentDocument) -> CostEstimate:
        """What the document's job would cost. Nothing is kept.

        Raises NotFound without the template, ModelNotConfigured, and BadInput for an invalid file.
        """
        document.upload.check_size(self.keep_upload.max_bytes)
        template = await self._template(document.template_id)
        return await self._estimate(self._estimator(), document.upload, template)

    async def estimate_uploaded(self, code: str, template_id: str, *, user_id: str | None) -> CostEstimate:
        """The same for an upload that is kept already. Raises NotFound without it too."""
        costs, template = self._estimator(), await self._template(template_id)
        file = await self.database.read(file_of, code, user_id=user_id)
        with tempfile.NamedTemporaryFile(prefix="aijobs-") as target:
            async for chunk in self.keep_upload.store.read(file.key):
                await asyncio.to_thread(target.write, chunk)
            await asyncio.to_thread(target.flush)
            upload = Upload(path=Path(target.name), name=file.name, size=file.size, sha256=file.sha256)
            return await self._estimate(costs, upload, template)

    def _estimator(self) -> CostEstimator:
        if self.costs is None:
            raise ModelNotConfigured("No language model is configured here.")
        return self.costs

    async def _estimate(self, costs: CostEstimator, upload: Upload, template: Template) -> CostEstimate:
        async with self.documents.checked(upload.path, upload.name, password=upload.password) as checked:
            media_type = PICTURE if checked.kind is DocumentKind.PICTURE else checked.kind.media_type
            return await costs.estimate(template, checked.size, media_type=media_type)

    async def _template(self, template_id: str) -> Template:
        if not 0 < len(template_id) <= MAX_ID_LENGTH:
            field = FieldError(f"/{TEMPLATE_FIELD}", f"The field {TEMPLATE_FIELD} names it.")
            raise InvalidParameters("Which template?", field)
        return await self.database.read(template_of, template_id)

    async def _import_table(
        self, upload: Upload, owner: Owner, template: Template, idempotency_key: str | None
    ) -> ImportedTable:
        """Stores all of its rows or none."""
        claim = claim_for(owner, idempotency_key, {"table": upload.sha256, "template": template.id})
        origin = RowsOrigin(
            template_id=template.id,
            template_version=template.version,
            source=new_id("table"),
            user_id=owner.user_id,
        )
        async with self.documents.table(upload.path, upload.name, template.columns, template.layout) as table:
            if not table.count:
                raise InvalidParameters("The table has no rows below its header.")
            imported = ImportedTable(template_id=template.id, source=origin.source, count=table.count)
            execution = await run_idempotently(
                self.database,
                claim,
                lambda session: write_rows(session, origin, table.rows()),
                receipt_of=lambda _: Receipt(
                    code=imported.source, answer={"body": {"code": imported.source, **asdict(imported)}}
                ),
            )
        kept = execution.receipt.answer["body"]
        return ImportedTable(template_id=kept["template_id"], source=kept["source"], count=kept["count"])

    async def _accept_job(
        self, document: SentDocument, owner: Owner, template: Template, idempotency_key: str | None
    ) -> ExtractionJob:
        """Accepts a job. The document is stored first, and stays when the job is refused, but for its costs."""
        estimates = list[CostEstimate]()

        async def require_affordable(file: FileType) -> None:
            if self.costs is not None:
                size = file.size or DocumentSize(tokens=SCAN_TOKENS)
                estimates.append(await self.costs.estimate(template, size, media_type=file.media_type))
                estimates[0].require_within(template.max_cost)

        upload_key = f"document {_digest(idempotency_key)}" if idempotency_key else None
        upload = await self.keep_upload(document.upload, owner, idempotency_key=upload_key, before=require_affordable)
        params = {"file": upload.code, "template": template.id}
        request = JobRequest(model_id=MODEL, params=params, user_id=document.for_user)

        def bind_task(session: Session, job: JobRow) -> None:
            if document.task_id:
                bind_task_id(session, document.task_id, job.code, job.user_id)

        receipt = await self.accept(request, owner, idempotency_key=idempotency_key, in_transaction=bind_task)
        return ExtractionJob(code=receipt.code, estimate=estimates[0] if estimates else None)


def _digest(*names: str) -> str:
    """A digest of the names, as long as one of our ids."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:26].upper()
