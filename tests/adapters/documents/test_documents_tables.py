"""Reading and writing tables: rows typed by their columns, and workbooks without formulas."""

import csv
import io
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from aijobs.adapters.documents.csv_text import csv_header, csv_lines
from aijobs.adapters.documents.excel import opened_excel, write_excel
from aijobs.adapters.documents.parse_request import ParseRequest, ParseResult
from aijobs.adapters.documents.reader import DocumentReader
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.domain.documents.column_values import CellValue, ColumnType
from aijobs.domain.documents.columns import Column
from aijobs.domain.errors import FileTooLarge, InvalidParameters, UnreadableFile
from aijobs.domain.values.safe_csv import BYTE_ORDER_MARK
from tests.adapters.documents.makers import row, sheet, workbook

COLUMNS = (
    Column(name="甲方", required=True),
    Column(name="金额", type=ColumnType.NUMBER),
    Column(name="份数", type=ColumnType.INTEGER),
    Column(name="日期", type=ColumnType.DATE),
    Column(name="有效", type=ColumnType.BOOLEAN),
)
HEADER = [column.name for column in COLUMNS]
MEGABYTE = 1024 * 1024


async def test_rows_have_the_types_of_their_columns(reader: DocumentReader) -> None:
    content = workbook([[], HEADER, ["A", "1,200.5", 3, date(2026, 1, 5), True], [], ["B", None, None, "2026年2月1日"]])

    async with reader.table(content, "a.xlsx", COLUMNS) as table:
        rows = list(table.rows())

    assert table.count == 2
    assert rows[0] == {"甲方": "A", "金额": 1200.5, "份数": 3, "日期": "2026-01-05", "有效": True}
    assert rows[1]["日期"] == "2026-02-01"


async def test_headers_are_matched_whatever_their_order_case_and_width(reader: DocumentReader) -> None:
    columns = (Column(name="Buyer"), Column(name="ＡＢ", required=True))

    async with reader.table(workbook([["ab ", "more", "BUYER"], [1, 2, "x"]]), "a.xlsx", columns) as table:
        assert list(table.rows()) == [{"Buyer": "x", "ＡＢ": "1"}]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["金额"], [5]], ["The required column 甲方 is missing."]),
        ([["甲方", " 甲方"], ["a", "b"]], ["The column 甲方 is there twice."]),
        ([HEADER, ["A", "many"], ["", 1], ["B", 2, 1.5]], ["Row 2, 金额", "Row 3, 甲方", "Row 4, 份数"]),
    ],
)
async def test_what_does_not_fit_is_named(
    reader: DocumentReader, rows: list[list[object]], expected: list[str]
) -> None:
    with pytest.raises(InvalidParameters) as refused:
        async with reader.table(workbook(rows), "a.xlsx", COLUMNS):
            pass

    messages = [field.message for field in refused.value.fields]
    assert len(messages) == len(expected)
    assert all(message.startswith(start) for message, start in zip(messages, expected, strict=True))


async def test_columns_that_are_all_unknown_are_refused(reader: DocumentReader) -> None:
    with pytest.raises(InvalidParameters, match="header"):
        async with reader.table(workbook([["x"], ["y"]]), "a.xlsx", (Column(name="甲方"),)):
            pass


@pytest.mark.parametrize(("name", "content"), [("a.xlsx", workbook([])), ("a.txt", b"text")])
async def test_what_is_no_table_is_refused(reader: DocumentReader, name: str, content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        async with reader.table(content, name, COLUMNS):
            pass


async def test_a_million_rows_are_refused(reader: DocumentReader) -> None:
    cells = "".join(f"<row><c><v>{number}</v></c></row>" for number in range(1_000_000))
    content = sheet(row(1, ("A1", "甲方")) + cells)

    with pytest.raises(FileTooLarge, match="100,000 rows"):
        async with reader.table(content, "a.xlsx", COLUMNS):
            pass


async def test_the_most_rows_are_a_setting() -> None:
    reader = DocumentReader(DocumentSettings(max_rows=2))

    async with reader.table(workbook([HEADER, ["A"], ["B"]]), "a.xlsx", COLUMNS) as table:
        assert table.count == 2
    with pytest.raises(FileTooLarge):
        async with reader.table(workbook([HEADER, ["A"], ["B"], ["C"]]), "a.xlsx", COLUMNS):
            pass


def many_rows() -> Iterator[dict[str, CellValue]]:
    for number in range(50_000):
        yield {"甲方": f"公司{number}", "金额": number * 1.5, "份数": number, "日期": "2026-01-05", "有效": True}


def test_fifty_thousand_rows_are_read_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "many.xlsx"
    write_excel(path, COLUMNS, many_rows())
    request = ParseRequest(
        path=path, name="many.xlsx", target=tmp_path / "rows", columns=COLUMNS, settings=DocumentSettings()
    )
    measured = "import os, sys; from aijobs.adapters.documents.parser_process import main; main(); "
    measured += "from bench.rig.resource_usage import peak_memory; "
    measured += "print(file=sys.stderr, end=str(peak_memory(os.getpid())))"

    done = subprocess.run(
        [sys.executable, "-c", measured], input=request.model_dump_json().encode(), capture_output=True, check=True
    )

    assert ParseResult.model_validate_json(done.stdout).rows == 50_000
    assert int(done.stderr) < 300 * MEGABYTE


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_excel(
        path, COLUMNS, [{"甲方": "A", "金额": 1.5, "份数": 3, "日期": "2026-01-05", "有效": False}, {"甲方": "B"}]
    )

    written = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()

    assert written == [HEADER, ["A", 1.5, 3.0, date(2026, 1, 5), False], ["B", "", "", "", ""]]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "{=1}", "https://example.com", "0012"])
def test_text_stays_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.xlsx"
    write_excel(path, [Column(name="A")], [{"A": text}])

    written = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()

    assert written[1] == [text]


@given(st.text(max_size=200))
def test_any_text_makes_a_workbook_that_can_be_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "a.xlsx"
    write_excel(path, [Column(name="A"), Column(name="B")], [{"A": text, "B": "x"}])

    assert CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()[1][-1] == "x"


def test_what_no_sheet_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileTooLarge, match="characters"):
        write_excel(tmp_path / "a.xlsx", [Column(name="A")], [{"A": "x" * 32_768}])
    with pytest.raises(FileTooLarge, match="rows"), opened_excel(tmp_path / "b.xlsx", [Column(name="A")]) as table:
        table.add({} for _ in range(1_048_576))


@given(st.text(alphabet="=+-@＝;\t\r\n,\"' ab1", max_size=40))
def test_in_csv_no_part_of_a_text_is_a_formula_whatever_parts_cells(text: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(csv_lines((Column(name="A"),), [{"A": text}]), newline="")), [""])

    assert not re.search(r"""(?:^|[;\t\r\n])[" ]*[=+\-@＝]""", cell)
    assert cell.replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("x;=1+1", "x;'=1+1"),
        ("x\t@SUM(A1)", "x\t'@SUM(A1)"),
        ("x\n=1", "x\n'=1"),
        ("x\r\n+1", "x\r\n'+1"),
        ('x; "=1"', 'x; "\'=1"'),
        (" =1", " '=1"),
        ("x; y, -z a-b", "x; y, -z a-b"),
        ("x;y=1", "x;y=1"),
    ],
)
def test_in_csv_a_formula_within_a_cell_is_harmless(text: str, written: str) -> None:
    lines = csv_lines((Column(name="A"),), [{"A": text}])

    assert next(csv.reader(io.StringIO(lines, newline="")))[0] == written


def test_a_long_text_is_written_at_once() -> None:
    column = (Column(name="A"),)

    for text in ("\n" * 200_000, ";" + " " * 200_000, '"' * 200_000):
        began = time.monotonic()
        csv_lines(column, [{"A": text}])
        assert time.monotonic() - began < 10  # a quadratic way takes minutes


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_in_csv_no_text_is_a_formula(start: str) -> None:
    columns = (Column(name="A"), Column(name="B", type=ColumnType.NUMBER))

    written = csv_header(columns) + csv_lines(columns, [{"A": f"{start}cmd", "B": -5}])

    assert written.startswith(BYTE_ORDER_MARK)
    assert list(csv.reader(io.StringIO(written.removeprefix(BYTE_ORDER_MARK), newline=""))) == [
        ["A", "B"],
        [f"'{start}cmd", "-5"],
    ]
