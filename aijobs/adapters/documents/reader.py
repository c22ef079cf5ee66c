"""Reading documents in guarded processes: whatever a file does to its parser, nothing happens here."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from aijobs.adapters.documents.parse_request import Complaint, ParseRequest, ParseResult
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.domain.documents.kinds import ReadDocument
from aijobs.domain.documents.templates import Column, Row
from aijobs.domain.errors import BadInput, FieldError, FileTooLarge, InvalidParameters, UnreadableFile

ROOT: Final = Path(__file__).parents[3]
POINTER: Final = "/file"

#: Which error a complaint of the reading process becomes.
ERROR_OF: Final[Mapping[str, type[BadInput]]] = {
    error.code: error for error in (UnreadableFile, FileTooLarge, InvalidParameters)
}

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class ReadTable:
    """A table that was read and checked; it waits in a file."""

    count: int
    _kept: Path

    def rows(self) -> Iterator[Row]:
        """Each time from the first. Reads a file: not for an event loop."""
        with self._kept.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


class DocumentReader:
    """Reads a few documents at once, each in a process of its own; the others wait for their turn."""

    def __init__(self, settings: DocumentSettings) -> None:
        self._settings = settings
        self._turns = asyncio.Semaphore(settings.at_once)

    async def read(self, document: Path | bytes, name: str) -> ReadDocument:
        """What a document says. `name` is what its owner calls it: its extension must fit its content.

        Raises UnreadableFile (not what it says, damaged, encrypted, with macros, without text) and FileTooLarge.
        """
        with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            path = await asyncio.to_thread(_in_file, document, Path(folder))
            target = Path(folder) / "text"
            outcome = await self._done(ParseRequest(path=path, name=name, target=target, settings=self._settings))
            text = await asyncio.to_thread(target.read_bytes)
            assert outcome.kind is not None
            return ReadDocument(kind=outcome.kind, text=text.decode())

    @asynccontextmanager
    async def table(self, document: Path | bytes, name: str, columns: Sequence[Column]) -> AsyncIterator[ReadTable]:
        """The table in an Excel workbook, for as long as the block lasts.

        Raises InvalidParameters that names each wrong column or cell, and what `read` raises.
        """
        with tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            path = await asyncio.to_thread(_in_file, document, Path(folder))
            target = Path(folder) / "rows"
            outcome = await self._done(
                ParseRequest(path=path, name=name, target=target, columns=tuple(columns), settings=self._settings)
            )
            yield ReadTable(count=outcome.rows, _kept=target)

    async def _done(self, errand: ParseRequest) -> ParseResult:
        async with self._turns:
            outcome = await self._answer(errand)
        if outcome.complaint is not None:
            raise _as_error(outcome.complaint)
        return outcome

    async def _answer(self, errand: ParseRequest) -> ParseResult:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "aijobs.adapters.documents.parser_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._settings.patience.total_seconds()):
                said, _ = await child.communicate(errand.model_dump_json().encode())
        except TimeoutError as endless:
            raise UnreadableFile("Reading the file takes too long.") from endless
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode != 0:
            log.warning("reading_process_died", returncode=child.returncode, kind=Path(errand.name).suffix)
            raise UnreadableFile(
                "The file cannot be read within our limits: it is damaged, holds too much, or one of its cells lies "
                "far outside of its table."
            )
        return ParseResult.model_validate_json(said)


def _as_error(complaint: Complaint) -> BadInput:
    return ERROR_OF[complaint.code](complaint.message, *(FieldError(POINTER, cell) for cell in complaint.cells))


def _in_file(document: Path | bytes, folder: Path) -> Path:
    if isinstance(document, Path):
        return document.resolve()
    path = folder / "document"
    path.write_bytes(document)
    return path
