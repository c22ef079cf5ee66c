"""The parser process: reads a request from its standard input, parses the file, and prints the result.

Parsers of uploaded files run only here, with limits of memory, processor time and file size, and without secrets in
the environment. A file that crashes a parser ends this process only.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from aijobs.adapters.documents.format_detection import kind_of
from aijobs.adapters.documents.parse_request import ParseError, ParseRequest, ParseResult
from aijobs.adapters.documents.spreadsheets.table_rows import rows_of
from aijobs.adapters.documents.spreadsheets.workbook import opened_spreadsheet
from aijobs.adapters.documents.texts.document_text import DocumentText
from aijobs.adapters.documents.texts.pdf.document import unlock
from aijobs.adapters.documents.texts.recognition.picture_pages import PagePictures
from aijobs.adapters.process_guards import die_with_parent, limit_process
from aijobs.domain.documents.formats import DocumentKind
from aijobs.domain.documents.templates import Row
from aijobs.domain.errors import BadInput, FileTooLarge, UnreadableFile

MAX_WRITTEN_BYTES: Final = 1024**3
PICTURE_SIDE: Final = 1600  #: pixels of the longer side of a page's picture
PICTURE_QUALITY: Final = 80


def main() -> None:
    die_with_parent()
    request = ParseRequest.model_validate_json(sys.stdin.buffer.read())
    limit_process(
        memory_bytes=request.settings.memory_bytes,
        processor_time=request.settings.processor_time,
        written_bytes=MAX_WRITTEN_BYTES,
    )
    sys.stdout.write(run(request).model_dump_json())


def run(request: ParseRequest) -> ParseResult:
    """Parse without setting process limits. An error of the file is part of the result."""
    try:
        kind = kind_of(request.path, request.name)
        if request.picture is not None:
            return _picture(request, kind, request.picture)
        return _table(request, kind) if request.columns is not None else _text(request, kind)
    except BadInput as refused:
        cells = tuple(field.message for field in refused.fields)
        return ParseResult(error=ParseError(code=refused.code, message=str(refused), cells=cells))
    except RecursionError:
        return ParseResult(error=ParseError(code=UnreadableFile.code, message="The file is nested too deeply."))
    except MemoryError:
        return ParseResult(
            error=ParseError(code=FileTooLarge.code, message="The file needs too much memory to be read.")
        )


def _text(request: ParseRequest, kind: DocumentKind) -> ParseResult:
    """Write one piece of the text in each line, and a copy that needs no password if one is asked for."""
    document = DocumentText(path=request.path, kind=kind, settings=request.settings, password=request.password)
    with request.target.open("w", encoding="utf-8") as file:
        file.writelines(piece.model_dump_json() + "\n" for piece in document.pieces())
    if kind is DocumentKind.PDF and request.password is not None and request.unlocked is not None:
        unlock(request.path, request.unlocked, request.password)
    return ParseResult(kind=kind)


def _picture(request: ParseRequest, kind: DocumentKind, number: int) -> ParseResult:
    if kind not in {DocumentKind.PDF, DocumentKind.PICTURE}:
        raise UnreadableFile("Only PDFs and pictures have pages to be shown.")
    try:
        picture, *_ = PagePictures(request.path, password=request.password).page(number)
    except (IndexError, EOFError) as beyond:
        raise UnreadableFile(f"There is no page {number}.") from beyond
    picture.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    picture.save(request.target, "WEBP", quality=PICTURE_QUALITY, method=2)
    return ParseResult(kind=kind)


def _table(request: ParseRequest, kind: DocumentKind) -> ParseResult:
    if not kind.may_be_table:
        raise UnreadableFile("Only a spreadsheet is read as a table: .xlsx, .xlsb, .xls, .ods, .csv or .tsv.")
    assert request.columns is not None
    with opened_spreadsheet(request.path, kind) as sheets:
        rows = rows_of(sheets, request.columns, request.layout, max_rows=request.settings.max_rows)
        return ParseResult(kind=kind, rows=_written(rows, request.target))


def _written(rows: Iterable[Row], target: Path) -> int:
    """Write one JSON object in each line. Returns their number."""
    count = 0
    with target.open("w", encoding="utf-8") as file:
        for count, row in enumerate(rows, 1):  # noqa: B007
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return count


if __name__ == "__main__":
    main()
