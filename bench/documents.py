"""Tables in and out, against the bare libraries: rows per second, memory. `python -m bench.documents WAY PATH ROWS`."""

import asyncio
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import xlsxwriter
from pydantic import BaseModel
from python_calamine import CalamineWorkbook

from aijobs.adapters.documents import parser_process
from aijobs.adapters.documents.csv_text import csv_header, csv_lines
from aijobs.adapters.documents.excel import write_excel
from aijobs.adapters.documents.parse_request import ParseRequest
from aijobs.adapters.documents.reader import DocumentReader
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.domain.documents.column_values import CellValue, ColumnType
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.formats import DocumentKind
from bench.report import Aim, Report, ratio
from bench.rig.resource_usage import peak_memory

MEGABYTE: Final = 1_000_000
ROUNDS: Final = 3
TIMEOUT_SECONDS: Final = 300
MOST_MEMORY: Final = 300 * MEGABYTE

KINDS: Final = (ColumnType.STRING, ColumnType.NUMBER, ColumnType.INTEGER, ColumnType.DATE, ColumnType.BOOLEAN)
COLUMNS: Final = tuple(Column(name=f"{kind} {number}", type=kind) for number in (1, 2) for kind in KINDS)


class TableResult(BaseModel):
    """`seconds` includes the start of processes, `peak` is the peak memory in bytes."""

    seconds: float
    peak: int


def our_writing(path: Path, rows: int) -> TableResult:
    return _timed(lambda: write_excel(path, COLUMNS, _rows(rows)))


def bare_writing(path: Path, rows: int) -> TableResult:
    """xlsxwriter with constant memory; each cell's type is that of its value."""

    def write() -> None:
        with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate(_rows(rows)):
                sheet.write_row(number, 0, row.values())

    return _timed(write)


def our_reading(path: Path, rows: int) -> TableResult:
    """Through the parser process, with every cell checked; the peak is that of the parser process."""
    name = path.name

    async def read() -> None:
        async with DocumentReader(DocumentSettings()).table(path, name, COLUMNS) as table:
            assert sum(1 for _ in table.rows()) == rows

    outcome = _timed(lambda: asyncio.run(read()))
    with tempfile.TemporaryDirectory() as folder:
        parser_process.run(
            ParseRequest(
                path=path,
                name=name,
                target=Path(folder) / "rows",
                columns=COLUMNS,
                settings=DocumentSettings(),
            )
        )
    return TableResult(seconds=outcome.seconds, peak=peak_memory(os.getpid()))


def bare_reading(path: Path, rows: int) -> TableResult:
    """calamine's rows as lists of values."""

    def read() -> None:
        rows_read = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
        assert len(rows_read) == rows + 1

    return _timed(read)


VARIANTS: Final[Mapping[str, Callable[[Path, int], TableResult]]] = {
    "write, aijobs": our_writing,
    "write, bare": bare_writing,
    "read, aijobs": our_reading,
    "read, bare": bare_reading,
    "read .csv": our_reading,
    "read .ods": our_reading,
}
#: The file that each variant reads; writers make one of their own.
FILE_OF: Final = {"read .csv": "table.csv", "read .ods": "table.ods"}


async def measure(*, quick: bool) -> Report:
    rows, rounds = (5_000, 1) if quick else (50_000, ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.xlsx"
        write_excel(path, COLUMNS, _rows(rows))
        path.with_suffix(".csv").write_text(csv_header(COLUMNS) + csv_lines(COLUMNS, _rows(rows)), "utf-8", newline="")
        _write_ods(path.with_suffix(".ods"), rows)
        results: dict[str, list[TableResult]] = {variant: [] for variant in VARIANTS}
        for _ in range(rounds):
            for variant, outcomes in results.items():
                is_read = variant.startswith("read")
                target = Path(folder) / (FILE_OF.get(variant, path.name) if is_read else "written.xlsx")
                outcomes.append(await _in_a_process(variant, target, rows))
    return _report(results, rows)


async def _in_a_process(variant: str, path: Path, rows: int) -> TableResult:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.documents", variant, str(path), str(rows)), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return TableResult.model_validate_json(output)


def _report(results: Mapping[str, list[TableResult]], rows: int) -> Report:
    shown: list[Sequence[str]] = []
    for operation in ("read", "write"):
        ours, bare = (results[f"{operation}, {side}"] for side in ("aijobs", "bare"))
        shown += [
            (f"{operation}, aijobs", f"{rows / _seconds(ours):,.0f}", f"{_peak(ours) / MEGABYTE:.0f} MB"),
            (f"{operation}, bare", f"{rows / _seconds(bare):,.0f}", f"{_peak(bare) / MEGABYTE:.0f} MB"),
            ("aijobs / bare", ratio(_seconds(bare), _seconds(ours)), ratio(_peak(ours), _peak(bare))),
        ]
    for variant in FILE_OF:
        speed, peak = rows / _seconds(results[variant]), _peak(results[variant])
        shown.append((f"{variant}, aijobs", f"{speed:,.0f}", f"{peak / MEGABYTE:.0f} MB"))
    most = max(_peak(outcomes) for variant, outcomes in results.items() if "bare" not in variant)
    return Report(
        title=f"documents: a table of {rows:,} rows and {len(COLUMNS)} columns, in and out",
        how=f"Medians of {len(results['read, bare'])} interleaved rounds, a process of its own for each. Bare is "
        "calamine and xlsxwriter; ours also looks through the archive, reads in a guarded process that it starts, "
        "checks and types every cell, and passes rows on through a file.",
        columns=("", "rows/s", "peak memory"),
        rows=shown,
        aims=[Aim(f"memory stays below {MOST_MEMORY // MEGABYTE} MB: {most / MEGABYTE:.0f} MB", most < MOST_MEMORY)],
    )


def _write_ods(path: Path, rows: int) -> None:
    """The same rows as an OpenDocument spreadsheet, which has no library that writes it."""
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", DocumentKind.OPENDOCUMENT_SHEET.media_type, zipfile.ZIP_STORED)
        with file.open("content.xml", "w") as content:
            content.write(f"<office:document-content {names}><office:body><office:spreadsheet>".encode())
            content.write(b'<table:table table:name="Data">')
            content.write(
                f"<table:table-row>{''.join(_ods_cell(column.name) for column in COLUMNS)}</table:table-row>".encode()
            )
            for row in _rows(rows):
                content.write(f"<table:table-row>{''.join(map(_ods_cell, row.values()))}</table:table-row>".encode())
            content.write(b"</table:table></office:spreadsheet></office:body></office:document-content>")


def _ods_row(values: Iterable[CellValue]) -> bytes:
    return f"<table:table-row>{''.join(map(_ods_cell, values))}</table:table-row>".encode()


def _ods_cell(value: CellValue) -> str:
    match value:
        case bool():
            said = f'boolean" office:boolean-value="{str(value).lower()}'
        case int() | float():
            said = f'float" office:value="{value}'
        case _:
            said = "string"
    return f'<table:table-cell office:value-type="{said}"><text:p>{value}</text:p></table:table-cell>'


def _rows(count: int) -> Iterator[dict[str, CellValue]]:
    values: Mapping[ColumnType, Callable[[int], CellValue]] = {
        ColumnType.STRING: lambda number: f"公司 {number}",
        ColumnType.NUMBER: lambda number: number * 1.25,
        ColumnType.INTEGER: lambda number: number,
        ColumnType.DATE: lambda number: f"2026-01-{number % 28 + 1:02}",
        ColumnType.BOOLEAN: lambda number: number % 2 == 0,
    }
    for number in range(count):
        yield {column.name: values[column.type](number) for column in COLUMNS}


def _timed(work: Callable[[], None]) -> TableResult:
    started_at = time.monotonic()
    work()
    return TableResult(seconds=time.monotonic() - started_at, peak=peak_memory(os.getpid()))


def _seconds(outcomes: Sequence[TableResult]) -> float:
    return median(outcome.seconds for outcome in outcomes)


def _peak(outcomes: Sequence[TableResult]) -> float:
    return median(outcome.peak for outcome in outcomes)


if __name__ == "__main__":
    print(VARIANTS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3])).model_dump_json())
