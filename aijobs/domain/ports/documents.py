"""What taking in a document, and turning it into a table, needs."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.costs import CostEstimate
from aijobs.domain.documents.formats import CheckedDocument, DocumentSize, ReadDocument
from aijobs.domain.documents.sources import RowSources
from aijobs.domain.documents.table_layout import TableLayout
from aijobs.domain.documents.templates import Row, Template
from aijobs.domain.provider_io import UploadedFile


class UploadedTable(Protocol):
    """A table that was read and checked."""

    @property
    def count(self) -> int: ...

    def rows(self) -> Iterator[Row]:
        """Each time from the first. Reads a file: not for an event loop."""
        ...


class DocumentParser(Protocol):
    """Reads documents, whatever they do to their parser."""

    async def read(self, document: Path | bytes, name: str) -> ReadDocument:
        """What a document says. `name` is what its owner calls it: its extension must fit its content.

        Pages that are pictures are recognised, which takes seconds each.

        Raises UnreadableFile, FileTooLarge, and TooBusy when the machine is too busy for it.
        """
        ...

    def checked(
        self, document: Path, name: str, *, password: str | None = None
    ) -> AbstractAsyncContextManager[CheckedDocument]:
        """Whether a document can be read, without recognising pictures; for as long as the block lasts.

        With a `password`, what is to be kept needs none any more. Raises what `read` raises.
        """
        ...

    async def page_picture(self, document: Path | bytes, name: str, number: int) -> bytes:
        """A page of a PDF or a picture, counted from 1, as WebP. Raises UnreadableFile, also without such a page."""
        ...

    def table(
        self, document: Path | bytes, name: str, columns: Sequence[Column], layout: TableLayout = ...
    ) -> AbstractAsyncContextManager[UploadedTable]:
        """The table in a spreadsheet, for as long as the block lasts.

        Raises NoTableHeader when it has none, InvalidParameters that names each wrong column or cell, and what `read`
        raises.
        """
        ...


class TableWriter(Protocol):
    """Writes rows of any number as a file, a page of them after the other."""

    def csv(self, columns: Sequence[Column], pages: AsyncIterable[Sequence[Row]]) -> AsyncIterator[bytes]:
        """Under a line of headings. A text that could be taken for a formula has an apostrophe before it."""
        ...

    async def workbook(self, columns: Sequence[Column], rows: Sequence[Row], sources: Sequence[RowSources]) -> bytes:
        """A whole table with where its values come from, on a second sheet. Raises FileTooLarge."""
        ...

    def excel(self, columns: Sequence[Column], pages: AsyncIterable[Sequence[Row]]) -> AsyncIterator[bytes]:
        """Under a line of headings. Raises FileTooLarge when a sheet has no room for all of them."""
        ...


class CostEstimator(Protocol):
    """Tells beforehand what a document job will cost."""

    async def estimate(self, template: Template, size: DocumentSize, *, media_type: str) -> CostEstimate: ...


class DocumentStore(Protocol):
    """Reads what people upload, and writes what they get."""

    async def read(self, file: UploadedFile) -> ReadDocument:
        """What a document says, and where. Raises UnreadableFile, FileTooLarge, NotFound, or StoreUnavailable."""
        ...

    async def content(self, file: UploadedFile) -> bytes:
        """The file itself. Raises FileTooLarge, NotFound, or StoreUnavailable."""
        ...

    async def size(self, file: UploadedFile) -> DocumentSize:
        """How much there is to read, without recognising pictures. Raises what `read` raises."""
        ...

    async def workbook(self, columns: Sequence[Column], rows: Sequence[Row], sources: Sequence[RowSources]) -> bytes:
        """The rows as an Excel file, under a line of headings; where their values come from on a second sheet."""
        ...


class TemplateSource(Protocol):
    """Templates and the rows that came of them, in the database."""

    async def template(self, template_id: str, version: int | None = None) -> Template:
        """The newest version unless one is named. Raises NotFound."""
        ...

    async def keep_rows(
        self, job_code: str, template: Template, rows: Sequence[Row], sources: Sequence[RowSources]
    ) -> None:
        """Replace the job's earlier rows, in one transaction. Raises JobIsFinal."""
        ...
