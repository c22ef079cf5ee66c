"""What turning a document into a table needs."""

from collections.abc import Sequence
from typing import Protocol

from aijobs.domain.documents.templates import Column, Row, Template
from aijobs.domain.provider_io import UploadedFile


class DocumentStore(Protocol):
    """Reads what people upload, and writes what they get."""

    async def text(self, file: UploadedFile) -> str:
        """What a document says. Raises UnreadableFile, FileTooLarge, NotFound, or StoreUnavailable."""
        ...

    async def content(self, file: UploadedFile) -> bytes:
        """The file itself. Raises FileTooLarge, NotFound, or StoreUnavailable."""
        ...

    async def workbook(self, columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
        """The rows as an Excel file, under a line of headings."""
        ...


class TemplateSource(Protocol):
    """Templates and the rows that came of them, in the database."""

    async def template(self, template_id: str, version: int | None = None) -> Template:
        """The newest version unless one is named. Raises NotFound."""
        ...

    async def keep_rows(self, job_code: str, template: Template, rows: Sequence[Row]) -> None:
        """Put the rows in the place of the job's earlier ones, in one transaction. Raises JobIsFinal."""
        ...
