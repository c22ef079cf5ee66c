"""Reading documents in guarded processes: a file that crashes its parser does not affect this one."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from aijobs.adapters.documents.parse_request import ParseError, ParseRequest, ParseResult
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.adapters.documents.texts.pieces import TextPiece
from aijobs.adapters.documents.texts.plain import too_long
from aijobs.adapters.documents.texts.recognition.recogniser import Recogniser
from aijobs.adapters.documents.texts.whole_text import pages_to_recognise, pieces_in, require_text, size_of, whole_text
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.formats import CheckedDocument, DocumentKind, ReadDocument
from aijobs.domain.documents.table_layout import TableLayout
from aijobs.domain.documents.templates import Row
from aijobs.domain.errors import (
    BadInput,
    FieldError,
    FileTooLarge,
    InvalidParameters,
    NoTableHeader,
    TooBusy,
    UnreadableFile,
)

ROOT: Final = Path(__file__).parents[3]
POINTER: Final = "/file"
ANYWHERE: Final = TableLayout()
RETRY_AFTER: Final = timedelta(seconds=30)

#: The error class for a code that the parser process reports.
ERROR_OF: Final[Mapping[str, type[BadInput]]] = {
    error.code: error for error in (UnreadableFile, FileTooLarge, InvalidParameters, NoTableHeader)
}

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class ReadTable:
    """A table that was read and checked; its rows are in a file."""

    count: int
    _path: Path

    def rows(self) -> Iterator[Row]:
        """The rows, from the first one on each call. Blocking: not for an event loop."""
        with self._path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


class DocumentReader:
    """Reads up to `at_once` documents at a time, each in its own process; the others wait."""

    def __init__(self, settings: DocumentSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.at_once)
        self._recogniser = Recogniser(settings.ocr)

    async def read(self, document: Path | bytes, name: str, *, password: str | None = None) -> ReadDocument:
        """The text of a document. The extension of `name` must fit its content; pages that are pictures take seconds.

        Raises UnreadableFile (of another format, damaged, encrypted, with macros, without text), FileTooLarge, and
        TooBusy where the file may be all right and the process got too little of the machine.
        """
        with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            path = await asyncio.to_thread(_as_file, document, Path(folder))
            kind, pieces = await self._pieces(path, name, Path(folder), password)
            pages = pages_to_recognise(pieces, self._settings.ocr)
            recognised = await self._recogniser.pages(path, pages, password) if pages else {}
            whole = whole_text(kind, pieces, recognised)
            if len(whole.text.encode()) > self._settings.max_text_bytes and recognised:
                raise too_long(self._settings.max_text_bytes)
            return ReadDocument(kind=kind, text=whole.text, notes=whole.notes, pages=whole.pages)

    @asynccontextmanager
    async def checked(
        self, document: Path, name: str, *, password: str | None = None
    ) -> AsyncIterator[CheckedDocument]:
        """What `read` would say of the document, without recognising pictures: it takes no longer than a request may.

        Raises what `read` raises.
        """
        with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            unlocked = Path(folder) / "unlocked" if password is not None else None
            kind, pieces = await self._pieces(_absolute(document), name, Path(folder), password, unlocked)
            pages_to_recognise(pieces, self._settings.ocr)
            is_unlocked = unlocked is not None and await asyncio.to_thread(unlocked.exists)
            yield CheckedDocument(
                kind=kind,
                path=unlocked if unlocked is not None and is_unlocked else document,
                size=await asyncio.to_thread(size_of, pieces),
            )

    async def _pieces(
        self, path: Path, name: str, folder: Path, password: str | None, unlocked: Path | None = None
    ) -> tuple[DocumentKind, list[TextPiece]]:
        target = folder / "text"
        request = ParseRequest(
            path=path, name=name, target=target, password=password, unlocked=unlocked, settings=self._settings
        )
        result = await self._parse(request)
        assert result.kind is not None
        pieces = await asyncio.to_thread(pieces_in, target)
        require_text(result.kind, pieces, self._settings.ocr)
        return result.kind, pieces

    @asynccontextmanager
    async def table(
        self, document: Path | bytes, name: str, columns: Sequence[Column], layout: TableLayout = ANYWHERE
    ) -> AsyncIterator[ReadTable]:
        """The table in a spreadsheet, for as long as the block lasts.

        Raises NoTableHeader when it has none, InvalidParameters that names each wrong column or cell, and what `read`
        raises.
        """
        with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            path = await asyncio.to_thread(_as_file, document, Path(folder))
            target = Path(folder) / "rows"
            result = await self._parse(
                ParseRequest(
                    path=path,
                    name=name,
                    target=target,
                    columns=tuple(columns),
                    layout=layout,
                    settings=self._settings,
                )
            )
            yield ReadTable(count=result.rows, _path=target)

    async def page_picture(self, document: Path | bytes, name: str, number: int) -> bytes:
        """A page of a PDF or a picture, counted from 1, as WebP. Raises UnreadableFile, also without such a page."""
        with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            path = await asyncio.to_thread(_as_file, document, Path(folder))
            target = Path(folder) / "picture"
            await self._parse(
                ParseRequest(path=path, name=name, target=target, picture=number, settings=self._settings)
            )
            return await asyncio.to_thread(target.read_bytes)

    async def _parse(self, request: ParseRequest) -> ParseResult:
        async with self._slots:
            result = await self._run_process(request)
        if result.error is not None:
            raise _as_error(result.error)
        return result

    async def _run_process(self, request: ParseRequest) -> ParseResult:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "aijobs.adapters.documents.parser_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._settings.patience.total_seconds()):
                output, _ = await process.communicate(request.model_dump_json().encode())
        except TimeoutError as expired:
            raise TooBusy("Reading the file takes too long.", retry_after=RETRY_AFTER) from expired
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            log.warning("reading_process_died", returncode=process.returncode, kind=Path(request.name).suffix)
            raise UnreadableFile(
                "The file cannot be read within our limits: it is damaged, holds too much, or one of its cells lies "
                "far outside of its table."
            )
        return ParseResult.model_validate_json(output)


def _as_error(error: ParseError) -> BadInput:
    return ERROR_OF[error.code](error.message, *(FieldError(POINTER, cell) for cell in error.cells))


def _absolute(path: Path) -> Path:
    return path.absolute()


def _as_file(document: Path | bytes, folder: Path) -> Path:
    if isinstance(document, Path):
        return document.resolve()
    path = folder / "document"
    path.write_bytes(document)
    return path
