"""Spreadsheets of other formats than .xlsx: the same tables, the same refusals."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from tests.adapters.documents.parsing import refusal_of, rows_in, text_in
from tests.adapters.documents.spreadsheets.makers import (
    Formatted,
    ods,
    ods_row,
    ods_table,
    ods_text,
    ods_value,
    xls,
    xlsb,
)

FORMATTED = ((7, "00000"), (0.125, "0.0%"), (46347, "yyyy/mm/dd"), (1.5, "[h]:mm"))
ROWS: list[list[Any]] = [
    ["Title"],
    ["Dept", "Name", "Code", "Share", "Day", "Time"],
    ["Sales", "a", *(Formatted(number, code) for number, code in FORMATTED)],
    [None, "b", 13800138000, 0.5, None, None],
]
COLUMNS = {"Dept": "string", "Name": "string", "Code": "string", "Share": "string", "Day": "string", "Time": "string"}
SEEN = [
    {"Dept": "Sales", "Name": "a", "Code": "00007", "Share": "12.5%", "Day": "2026/11/21", "Time": "36:00:00"},
    {"Dept": "Sales", "Name": "b", "Code": "13800138000", "Share": "0.5", "Day": None, "Time": None},
]


def as_ods(rows: list[list[Any]], merges: object) -> bytes:
    """The one table of these tests: OpenDocument has no library that writes it."""
    assert (rows, merges) == (ROWS, [(2, 3, 0, 0)])
    return ods(
        ods_table(
            "Data",
            ods_row(ods_text("Title")),
            ods_row(*map(ods_text, ROWS[1])),
            ods_row(
                ods_text("Sales", 'table:number-rows-spanned="2"'),
                ods_text("a"),
                ods_value("float", "7", "00007"),
                ods_value("percentage", "0.125", "12.5%"),
                ods_value("date", "2026-11-21", "2026/11/21"),
                ods_value("time", "PT36H00M00S", "36:00"),
            ),
            ods_row(
                "<table:covered-table-cell/>",
                ods_text("b"),
                ods_value("float", "13800138000", "13800138000"),
                ods_value("float", "0.5", "0.5"),
            ),
        )
    )


MAKERS: dict[str, Callable[..., bytes]] = {"xls": xls, "xlsb": xlsb, "ods": as_ods}


def test_a_void_cell_is_an_empty_one() -> None:
    void = '<table:table-cell office:value-type="void"/>'
    content = ods(ods_table("Data", ods_row(ods_text("a"), ods_text("b")), ods_row(void, ods_text("x"))))

    assert rows_in(content, "a.ods", {"a": "string", "b": "string"}) == [{"a": None, "b": "x"}]


@pytest.mark.parametrize("extension", MAKERS)
def test_the_same_table_is_read_from_each_format(extension: str) -> None:
    content = MAKERS[extension](ROWS, merges=[(2, 3, 0, 0)])

    assert rows_in(content, f"a.{extension}", COLUMNS) == SEEN
    typed = rows_in(content, f"a.{extension}", {"Code": "number", "Share": "number", "Day": "date"})
    assert typed[0] == {"Code": 7, "Share": 0.125, "Day": "2026-11-21"}
    assert text_in(content, f"a.{extension}").split("\n")[3:] == [
        "Sales\ta\t00007\t12.5%\t2026/11/21\t36:00:00",
        "Sales\tb\t13800138000\t0.5",
    ]


@pytest.mark.parametrize("extension", ["xls", "xlsb"])
def test_another_reader_reads_what_was_made_for_these_tests(extension: str) -> None:
    rows = [["Dept", "Code"], ["Sales", Formatted(7, "00000")], ["IT", 8.5]]

    book = CalamineWorkbook.from_filelike(BytesIO(MAKERS[extension](rows)))

    assert book.get_sheet_by_index(0).to_python() == [["Dept", "Code"], ["Sales", 7.0], ["IT", 8.5]]


@pytest.mark.parametrize("extension", ["xls", "xlsb"])
def test_days_from_1904_are_those_days(extension: str) -> None:
    content = MAKERS[extension]([["Day"], [Formatted(44885, "yyyy-mm-dd")]], from_1904=True)

    assert rows_in(content, f"a.{extension}", {"Day": "date"}) == [{"Day": "2026-11-21"}]
    assert rows_in(content, f"a.{extension}", {"Day": "string"}) == [{"Day": "2026-11-21"}]


@pytest.mark.parametrize("extension", ["xls", "xlsb"])
def test_a_number_of_too_many_digits_is_refused(extension: str) -> None:
    content = MAKERS[extension]([["Id"], [1.101011990030745e17]])

    assert "Row 2, Id: Is a number of more digits" in refusal_of(content, f"a.{extension}", {"Id": "string"})


def test_an_error_in_a_binary_workbook_is_no_empty_cell() -> None:
    assert "Row 2, A: Is the error #N/A." in refusal_of(xlsb([["A"], ["#N/A"]]), "a.xlsb", {"A": "string"})


def test_a_formula_that_no_program_computed_is_refused() -> None:
    assert "Row 2, A: Is a formula without" in refusal_of(xls([["A"], ["=1+1"]]), "a.xls", {"A": "number"})
    formula = ods(ods_table("S", ods_row(ods_text("A")), ods_row('<table:table-cell table:formula="of:=1+1"/>')))
    assert "Row 2, A: Is a formula without" in refusal_of(formula, "a.ods", {"A": "number"})


@pytest.mark.parametrize(
    "cell",
    [
        '<table:table-cell table:formula="of:=NA()" office:value-type="string" office:string-value="" '
        'calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>',
        '<table:table-cell table:formula="of:=1/0" office:value-type="float" office:value="0"><text:p>#DIV/0!</text:p>'
        "</table:table-cell>",
        '<table:table-cell table:formula="of:=X()" office:value-type="string"><text:p>Err:508</text:p>'
        "</table:table-cell>",
    ],
)
def test_an_error_in_an_opendocument_sheet_is_no_empty_cell(cell: str) -> None:
    content = ods(ods_table("S", ods_row(ods_text("A")), ods_row(cell)))

    assert "Row 2, A: Is the error" in refusal_of(content, "a.ods", {"A": "string"})


def test_cells_and_rows_that_are_repeated_are_there_as_often() -> None:
    content = ods(
        ods_table(
            "S",
            ods_row('<table:table-cell table:number-columns-repeated="2"/>', ods_text("A"), ods_text("B")),
            ods_row(
                '<table:table-cell table:number-columns-repeated="2"/>',
                ods_text("x", 'table:number-columns-repeated="2"'),
                '<table:table-cell table:number-columns-repeated="16000"/>',
                repeated=3,
            ),
            ods_row('<table:table-cell table:number-columns-repeated="16384"/>', repeated=1_048_570),
        )
    )

    assert rows_in(content, "a.ods", {"A": "string", "B": "string"}) == 3 * [{"A": "x", "B": "x"}]
    assert text_in(content, "a.ods").endswith("\t\tx\tx\n\t\tx\tx\n\t\tx\tx")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ods_row(ods_text("x"), repeated=1_000_000), "repeats a row 1,000,000 times"),
        (ods_row(ods_text("x", 'table:number-columns-repeated="17000000"')), "17,000,000 columns wide"),
    ],
)
def test_a_bomb_of_repetitions_is_refused(row: str, message: str) -> None:
    assert message in refusal_of(ods(ods_table("S", ods_row(ods_text("A")), row)), "a.ods", {"A": "string"})


def test_texts_have_their_spaces_and_lines_and_no_notes() -> None:
    cell = (
        '<table:table-cell office:value-type="string"><office:annotation><text:p>a note</text:p></office:annotation>'
        '<text:p>a<text:s text:c="2"/>b</text:p><text:p>c <text:span>d</text:span><text:tab/>e</text:p>'
        "</table:table-cell>"
    )
    content = ods(ods_table("S", ods_row(ods_text("A")), ods_row(cell)))

    assert rows_in(content, "a.ods", {"A": "string"}) == [{"A": "a  b\nc d\te"}]


def test_hidden_sheets_are_said() -> None:
    style = (
        '<office:automatic-styles><style:style style:name="ta2" style:family="table">'
        '<style:table-properties table:display="false"/></style:style></office:automatic-styles>'
    )
    content = ods(
        ods_table("Front", ods_row(ods_text("x"))), ods_table("Old", ods_row(ods_text("y")), style="ta2"), before=style
    )

    assert text_in(content, "a.ods") == "## Front\nx\n## Old (hidden)\ny"
    assert "## Data (hidden)" in text_in(xls([["A"]], hidden=True), "a.xls")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xls", xlsb([["A"]]), "it is a binary Excel workbook (.xlsb)"),
        ("a.xlsx", xls([["A"]]), "it is an Excel workbook of the old format (.xls)"),
        ("a.xls", b"<html><table><tr><td>A</td></tr></table></html>", "it is something else"),
        ("a.xls", b"A\tB\n1\t2\n", "it is something else"),
        ("a.xls", xls([["A"]])[:3000], "old Office format"),
        ("a.ods", ods(ods_table("S"))[:-50], "is damaged"),
        ("a.xlsm", b"PK", "Save it as .xlsx"),
    ],
)
def test_what_is_another_format_is_named(name: str, content: bytes, message: str) -> None:
    assert message in refusal_of(content, name)
