"""The parser process: reads a request from its standard input, parses the file, and prints the result.

Parsers of foreign files run here and nowhere else, within limits of memory, processor time and file size, and with
nothing in the environment that is worth stealing. A file that breaks a parser breaks this process only.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from aijobs.adapters.documents.format_detection import kind_of
from aijobs.adapters.documents.parse_request import Complaint, ParseRequest, ParseResult
from aijobs.adapters.documents.tables import rows_of
from aijobs.adapters.documents.texts import text_of
from aijobs.adapters.process_guards import die_with_parent, limit_process
from aijobs.domain.documents.kinds import DocumentKind
from aijobs.domain.documents.templates import Row
from aijobs.domain.errors import BadInput, FileTooLarge, UnreadableFile

MAX_WRITTEN_BYTES: Final = 1024**3


def main() -> None:
    die_with_parent()
    errand = ParseRequest.model_validate_json(sys.stdin.buffer.read())
    limit_process(
        memory_bytes=errand.settings.memory_bytes,
        processor_time=errand.settings.processor_time,
        written_bytes=MAX_WRITTEN_BYTES,
    )
    sys.stdout.write(done(errand).model_dump_json())


def done(errand: ParseRequest) -> ParseResult:
    """Do an errand, without the limits of a process; what is wrong with the file is part of the outcome."""
    try:
        kind = kind_of(errand.path, errand.name)
        if errand.columns is None:
            text = text_of(errand.path, kind, most=errand.settings.max_text_bytes)
            errand.target.write_text(text, "utf-8", newline="")
            return ParseResult(kind=kind)
        if kind is not DocumentKind.EXCEL:
            raise UnreadableFile("Only an Excel workbook is read as a table.")
        rows = rows_of(errand.path, errand.columns, most=errand.settings.max_rows)
        return ParseResult(kind=kind, rows=_written(rows, errand.target))
    except BadInput as refused:
        cells = tuple(field.message for field in refused.fields)
        return ParseResult(complaint=Complaint(code=refused.code, message=str(refused), cells=cells))
    except MemoryError:
        return ParseResult(
            complaint=Complaint(code=FileTooLarge.code, message="The file needs too much memory to be read.")
        )


def _written(rows: Iterable[Row], target: Path) -> int:
    """One JSON object in each line; how many."""
    count = 0
    with target.open("w", encoding="utf-8") as file:
        for count, row in enumerate(rows, 1):  # noqa: B007
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return count


if __name__ == "__main__":
    main()
