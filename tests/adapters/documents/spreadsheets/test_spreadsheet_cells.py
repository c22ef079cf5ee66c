"""Cells of .xlsx workbooks: what people see, what they hold, and what cannot be relied on."""

import io
import zipfile
from datetime import date, datetime

import pytest

from aijobs.adapters.documents.spreadsheets.number_formats import number_format
from tests.adapters.documents.parsing import refusal_of, rows_in, text_in
from tests.adapters.documents.spreadsheets.makers import Formatted, sheet_xml, texts, xlsx

HEADER = texts(1, "Order", "Amount")


@pytest.mark.parametrize(
    ("cell", "properties"),
    [
        ("<c r='B2'><f>1+1</f></c>", ""),
        ("<c r='B2'><f>1+1</f><v></v></c>", ""),
        ("<c r='B2'><f>1+1</f><v/></c>", ""),
        ("<c r='B2' t='b'><f>TRUE()</f></c>", ""),
        ("<c r='B2'><f t='shared' si='0'/></c>", ""),
        ("<c r='B2'><f>1+1</f><v>0</v></c>", "<calcPr fullCalcOnLoad='1'/>"),
    ],
    ids=["without", "empty", "closed", "boolean", "shared", "zero by a program that computes nothing"],
)
def test_a_formula_without_a_value_is_refused_with_its_place(cell: str, properties: str) -> None:
    content = sheet_xml(f"{HEADER}<row r='2'><c r='A2' t='str'><v>A1</v></c>{cell}</row>", calculation=properties)

    for kind in ("number", "string", "integer"):
        refusal = refusal_of(content, "a.xlsx", {"Order": "string", "Amount": kind})
        assert "Row 2, Amount: Is a formula without a stored value" in refusal
    assert "The cell B2 of the sheet 'S': Is a formula without" in refusal_of(content, "a.xlsx")


@pytest.mark.parametrize(
    ("cell", "properties", "value"),
    [
        ("<c r='B2'><f>1+1</f><v>2</v></c>", "<calcPr fullCalcOnLoad='1'/>", 2),
        ("<c r='B2'><f>1-1</f><v>0</v></c>", "", 0),
        ("<c r='B2'><v>0</v></c>", "<calcPr fullCalcOnLoad='1'/>", 0),
        ("<c r='B2' t='str'><f>IF(A2,1,\"\")</f><v></v></c>", "", None),
    ],
    ids=["value", "zero", "no formula", "empty text"],
)
def test_a_formula_with_a_value_has_it(cell: str, properties: str, value: float | None) -> None:
    content = sheet_xml(f"{HEADER}<row r='2'><c r='A2' t='str'><v>A1</v></c>{cell}</row>", calculation=properties)

    assert rows_in(content, "a.xlsx", {"Order": "string", "Amount": "number"}) == [{"Order": "A1", "Amount": value}]


def test_a_formula_in_a_column_that_is_not_asked_for_does_not_matter() -> None:
    content = sheet_xml(f"{HEADER}<row r='2'><c r='A2' t='str'><v>A1</v></c><c r='B2'><f>1+1</f></c></row>")

    assert rows_in(content, "a.xlsx", {"Order": "string"}) == [{"Order": "A1"}]


@pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?"])
def test_an_error_is_no_empty_cell(error: str) -> None:
    content = sheet_xml(
        f"{HEADER}<row r='2'><c r='A2' t='str'><v>A1</v></c><c r='B2' t='e'><f>1/0</f><v>{error}</v></c></row>"
    )

    assert f"Row 2, Amount: Is the error {error}." in refusal_of(content, "a.xlsx", {"Amount": "number"})
    assert f"Row 2, Amount: Is the error {error}." in refusal_of(content, "a.xlsx", {"Amount": "string"})
    assert f"A1\t{error}" in text_in(content, "a.xlsx")


@pytest.mark.parametrize(
    ("number", "code", "shown"),
    [
        (7, "00000", "00007"),
        (0.125, "0.0%", "12.5%"),
        (0.5, "0%", "50%"),
        (1234.5, "#,##0.00", "1,234.50"),
        (-1234.5, "#,##0.00_);(#,##0.00)", "(1,234.50)"),
        (1234.5, '"¥"#,##0.00', "¥1,234.50"),
        (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"),
        (5, '0"件"', "5件"),
        (13800138000, "000-0000-0000", "138-0013-8000"),
        (46347, "yyyy/m/d", "2026/11/21"),
        (46347, 'yyyy"年"m"月"d"日"', "2026年11月21日"),
        (46347.39583333334, "yyyy-mm-dd hh:mm", "2026-11-21 09:30"),
        (0.5, "hh:mm", "12:00"),
        (0.75, "h:mm AM/PM", "6:00 PM"),
        (1.5, "[h]:mm:ss", "36:00:00"),
        (1.5, "[h]:mm", "36:00:00"),
        (4.25, "[hh]:mm:ss", "102:00:00"),
        (0.0625, "[mm]:ss", "1:30:00"),
        (46347, "[$-804]aaaa", "2026-11-21"),
        (46347.75, '上午/下午h"时"mm"分"', "下午6时00分"),
        (0.25, "[$-804]AM/PM h:mm", "上午 6:00"),
        (46347, "d mmm yyyy", "21 Nov 2026"),
        (46347, "[$-409]d-mmm-yy", "21-Nov-26"),
        (46347, "[$-804]mmm d", "2026-11-21"),
        (46347, "[$-de-DE]d. mmmm yyyy", "2026-11-21"),
        (46347, "[$-F800]dddd, mmmm dd, yyyy", "2026-11-21"),
        (12, "[DBNum1]General", "12"),
        (5, ";;;", "5"),
        (0.1 + 0.2, "General", "0.3"),
        (202611280001, "General", "202611280001"),
        (622202123456789, "0", "622202123456789"),
        (9007199254740991, "General", "9007199254740991"),
        (1e-7, "General", "1E-07"),
        (3, "# ?/?", "3"),
    ],
)
def test_a_column_of_texts_has_what_people_see(number: float, code: str, shown: str) -> None:
    content = xlsx([["Seen"], [Formatted(number, code)]])

    assert rows_in(content, "a.xlsx", {"Seen": "string"}) == [{"Seen": shown}]
    assert text_in(content, "a.xlsx").split("\n")[2] == shown


@pytest.mark.parametrize("code", ["yyyy-mm-dd", "[h]:mm:ss"])
def test_a_day_or_a_duration_without_end_is_refused_with_its_place(code: str) -> None:
    content = xlsx([["Seen"], ["first"], [Formatted(1e15, code)]])

    assert "Row 3, Seen: Shows #####" in refusal_of(content, "a.xlsx", {"Seen": "string"})
    assert "[Shows #####" in text_in(content, "a.xlsx")


@pytest.mark.parametrize(
    ("number", "value"),
    [(2958465, date(9999, 12, 31)), (2958465.9999999, datetime(9999, 12, 31, 23, 59, 59)), (2958466, 2958466)],  # noqa: DTZ001
)
def test_the_calendar_ends_with_its_last_day(number: float, value: object) -> None:
    assert number_format("yyyy-mm-dd").value(number) == value


@pytest.mark.parametrize(
    ("id_", "number", "shown"),
    [(14, 46347, "2026-11-21"), (10, 0.125, "12.50%"), (46, 1.5, "36:00:00"), (22, 46347.5, "2026-11-21 12:00")],
)
def test_formats_that_files_name_by_number_only_are_known(id_: int, number: float, shown: str) -> None:
    content = sheet_xml(f"{texts(1, 'A')}<row r='2'><c r='A2' s='1'><v>{number}</v></c></row>", styles={1: "0"})
    content = _with_format_id(content, id_)

    assert rows_in(content, "a.xlsx", {"A": "string"}) == [{"A": shown}]


def _with_format_id(content: bytes, id_: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'<xf numFmtId="201"/>', f'<xf numFmtId="{id_}"/>'.encode()))
    return target.getvalue()


def test_columns_of_other_types_have_what_the_cell_holds() -> None:
    content = xlsx(
        [
            ["Share", "Price", "Count", "Day", "Yes"],
            [
                Formatted(0.125, "0%"),
                Formatted(1234.567, "#,##0.0"),
                Formatted(7, "000"),
                Formatted(46347, "d.m."),
                True,
            ],
        ]
    )
    columns = {"Share": "number", "Price": "number", "Count": "integer", "Day": "date", "Yes": "boolean"}

    assert rows_in(content, "a.xlsx", columns) == [
        {"Share": 0.125, "Price": 1234.567, "Count": 7, "Day": "2026-11-21", "Yes": True}
    ]
    assert rows_in(content, "a.xlsx", {"Yes": "string"}) == [{"Yes": "TRUE"}]


@pytest.mark.parametrize("written", ["1.101011990030745E+17", "110101199003074512", "9007199254740993", "-1E+20"])
@pytest.mark.parametrize("style", [0, 1])
def test_a_number_beyond_what_a_double_keeps_is_refused_where_digits_count(written: str, style: int) -> None:
    content = sheet_xml(f"{texts(1, 'Id')}<row r='2'><c r='A2' s='{style}'><v>{written}</v></c></row>", styles={1: "0"})

    for kind in ("string", "integer"):
        assert "Row 2, Id: Is a number of more digits" in refusal_of(content, "a.xlsx", {"Id": kind})


def test_a_number_whose_digits_change_is_no_amount_either() -> None:
    exact = sheet_xml(f"{texts(1, 'A')}<row r='2'><c r='A2'><v>9007199254740993</v></c></row>")
    rounded = sheet_xml(f"{texts(1, 'A')}<row r='2'><c r='A2'><v>6.02214E+23</v></c></row>")

    assert "more digits" in refusal_of(exact, "a.xlsx", {"A": "number"})
    assert rows_in(rounded, "a.xlsx", {"A": "number"}) == [{"A": 6.02214e23}]


@pytest.mark.parametrize(
    ("serial", "from_1904", "day"),
    [
        (1, "", "1900-01-01"),
        (59, "", "1900-02-28"),
        (61, "", "1900-03-01"),
        (46347, "", "2026-11-21"),
        (0, "1", None),
        (1, "1", "1904-01-02"),
        (44885, "1", "2026-11-21"),
        (44885, "true", "2026-11-21"),
    ],
)
def test_days_are_counted_from_1900_or_1904(serial: int, from_1904: str, day: str | None) -> None:
    properties = f"<workbookPr date1904='{from_1904}'/>" if from_1904 else ""
    content = sheet_xml(
        f"{texts(1, 'Day')}<row r='2'><c r='A2' s='1'><v>{serial}</v></c></row>",
        styles={1: "yyyy\\-mm\\-dd"},
        properties=properties,
    )

    if day is None:
        assert rows_in(content, "a.xlsx", {"Day": "date"}) == [{"Day": "1904-01-01"}]
    else:
        assert rows_in(content, "a.xlsx", {"Day": "date"}) == [{"Day": day}]
        assert rows_in(content, "a.xlsx", {"Day": "string"}) == [{"Day": day}]


@pytest.mark.parametrize(
    ("serial", "problem"),
    [(60, "Must be a date"), (-5, "Must be a date"), (46347.5, "Has a time of day"), (0.5, "Must be a date")],
)
def test_what_is_no_day_is_refused_in_a_column_of_days(serial: float, problem: str) -> None:
    content = xlsx([["Day"], [Formatted(serial, "yyyy-mm-dd hh:mm")]])

    assert f"Row 2, Day: {problem}" in refusal_of(content, "a.xlsx", {"Day": "date"})


def test_a_day_before_the_calendar_is_no_text() -> None:
    content = xlsx([["Day"], [Formatted(-5, "yyyy-mm-dd")]])

    assert "Row 2, Day: Shows #####" in refusal_of(content, "a.xlsx", {"Day": "string"})
    assert "[Shows #####" in text_in(content, "a.xlsx")


def test_texts_keep_their_runs_and_lose_their_readings() -> None:
    run = "<r><t>东</t></r><r><t>京</t></r><rPh sb='0' eb='2'><t>トウキョウ</t></rPh>"
    content = sheet_xml(
        f"{texts(1, 'A', 'B')}<row r='2'><c r='A2' t='inlineStr'><is>{run}</is></c>"
        "<c r='B2' t='inlineStr'><is><t>a_x000A_b_x005F_</t></is></c></row>"
    )

    assert rows_in(content, "a.xlsx", {"A": "string", "B": "string"}) == [{"A": "东京", "B": "a\nb_"}]


def test_cells_and_rows_without_their_places_are_read_in_order() -> None:
    content = sheet_xml(
        "<row><c t='str'><v>A</v></c><c t='str'><v>B</v></c></row><row><c t='str'><v>x</v></c><c><v>5</v></c></row>"
    )

    assert rows_in(content, "a.xlsx", {"A": "string", "B": "number"}) == [{"A": "x", "B": 5}]


@pytest.mark.parametrize(
    "rows",
    [
        "<row r='2'><c r='A2' t='str'><v>a</v></c></row><row r='1'><c r='A1' t='str'><v>b</v></c></row>",
        "<row r='1'><c r='B1' t='str'><v>a</v></c><c r='A1' t='str'><v>b</v></c></row>",
        "<row r='1'><c r='A1' t='s'><v>7</v></c></row>",
        "<row r='1'><c r='A1'><v>much</v></c></row>",
        "<row r='x'><c r='A1'><v>1</v></c></row>",
    ],
    ids=["rows out of order", "cells out of order", "text missing", "no number", "no row"],
)
def test_a_damaged_sheet_is_refused(rows: str) -> None:
    assert "damaged" in refusal_of(sheet_xml(rows), "a.xlsx")
