"""Where a table is in a spreadsheet: titles, instructions, merged cells, several sheets, hidden parts."""

from typing import Any

import pytest

from aijobs.domain.documents.table_layout import TableLayout
from tests.adapters.documents.parsing import refusal_of, rows_in, text_in
from tests.adapters.documents.spreadsheets.makers import sheet_xml, texts, xlsx

ORDERS = {"Order": "string!", "Amount": "number"}
TWO_ROWS: list[list[Any]] = [["Order", "Amount"], ["A1", 5], ["A2", 6]]
READ = [{"Order": "A1", "Amount": 5}, {"Order": "A2", "Amount": 6}]


@pytest.mark.parametrize(
    ("above", "merges"),
    [
        ([], []),
        ([["2026 orders"]], []),
        ([["2026 orders", None]], ["A1:B1"]),
        ([["Order"], [], ["printed on", "2026-11-21"]], []),
        ([["Company"], ["2026 orders", None], ["in", "CNY"]], ["A2:B2"]),
        ([[f"line {number}"] for number in range(30)], []),
    ],
    ids=["nothing", "title", "merged title", "the name of a column", "several", "many lines"],
)
def test_the_header_is_found_below_titles(above: list[list[Any]], merges: list[str]) -> None:
    assert rows_in(xlsx([*above, *TWO_ROWS], merges=merges), "a.xlsx", ORDERS) == READ


def test_a_mark_of_required_columns_is_no_part_of_their_names() -> None:
    assert rows_in(xlsx([["*Order", "Amount＊"], ["A1", 5], ["A2", 6]]), "a.xlsx", ORDERS) == READ
    assert rows_in(xlsx([["*Order"], ["A1"]]), "a.xlsx", {"*Order": "string!"}) == [{"*Order": "A1"}]


def test_the_header_is_the_row_that_names_most_columns() -> None:
    content = xlsx([["Order", "of 2026"], ["Amount", "Order", "Note"], [5, "A1", "x"]])

    assert rows_in(content, "a.xlsx", {"Order": "string!", "Amount": "number", "Note": "string"}) == [
        {"Order": "A1", "Amount": 5, "Note": "x"}
    ]


def test_without_required_columns_most_names_win_too() -> None:
    content = xlsx([["Amount"], ["Order", "Amount"], ["A1", 5]])

    assert rows_in(content, "a.xlsx", {"Order": "string", "Amount": "number"}) == READ[:1]


def test_a_template_says_which_row_is_the_header() -> None:
    content = xlsx([["Order", "Amount"], ["old", 1], ["Order", "Amount"], ["A1", 5], ["A2", 6]])

    assert rows_in(content, "a.xlsx", ORDERS, TableLayout(header_row=3)) == READ
    assert "None of the template's columns is named in row 2" in refusal_of(
        content, "a.xlsx", ORDERS, TableLayout(header_row=2)
    )


@pytest.mark.parametrize(
    "instructions",
    [
        ["at most 10 characters", "optional"],
        ["必填", "选填"],
        ["请填写订单号", "数字，不超过两位小数"],
        ["e.g. A-100", "required"],
        ["示例：A1", None],
    ],
)
def test_a_row_of_instructions_is_no_data(instructions: list[object]) -> None:
    content = xlsx([["Order", "Remark"], instructions, ["A1", "x"]])
    columns = {"Order": "string!", "Remark": "string"}

    assert "Row 2 reads like instructions" in refusal_of(content, "a.xlsx", columns)
    layout = TableLayout(first_data_row=3)
    assert rows_in(content, "a.xlsx", columns, layout) == [{"Order": "A1", "Remark": "x"}]
    assert len(rows_in(content, "a.xlsx", columns, TableLayout(first_data_row=2))) == 2


def test_a_header_that_is_repeated_is_no_data() -> None:
    content = xlsx([*TWO_ROWS[:2], ["order ", "AMOUNT"], *TWO_ROWS[2:]])

    assert rows_in(content, "a.xlsx", {"Order": "string", "Amount": "number"}) == READ


@pytest.mark.parametrize(
    ("rows", "merges", "expected"),
    [
        ([["Sales", "a"], [None, "b"], ["IT", "c"]], ["A2:A3"], [("Sales", "a"), ("Sales", "b"), ("IT", "c")]),
        ([["x", None], ["y", "z"]], ["A2:B2"], [("x", "x"), ("y", "z")]),
        ([["x", None], [None, None], ["y", "z"]], ["A2:B3"], [("x", "x"), ("y", "z")]),
        ([["a", "Sales"], ["b", None], ["c", None]], ["B2:B4"], [("a", "Sales"), ("b", "Sales"), ("c", "Sales")]),
        ([["Sales", "a"], [None, None], ["IT", "c"]], ["A2:A3", "B2:B3"], [("Sales", "a"), ("IT", "c")]),
    ],
    ids=["down", "across", "block", "down the last column", "whole records"],
)
def test_each_row_has_what_is_merged_over_it(
    rows: list[list[Any]], merges: list[str], expected: list[tuple[str, str]]
) -> None:
    content = xlsx([["Dept", "Name"], *rows], merges=merges)

    found = rows_in(content, "a.xlsx", {"Dept": "string", "Name": "string"})

    assert [(row["Dept"], row["Name"]) for row in found] == expected


def test_a_text_says_a_merged_value_in_each_row_and_once_in_a_row() -> None:
    content = xlsx([["Title", None], ["Sales", "a"], [None, "b"]], merges=["A1:B1", "A2:A3"])

    assert text_in(content, "a.xlsx") == "## Data\nTitle\nSales\ta\nSales\tb"


def test_a_header_of_two_rows_has_merged_headings() -> None:
    content = xlsx([["Dept", "Amounts", None], [None, "Net", "Gross"], ["Sales", 1, 2]], merges=["A1:A2", "B1:C1"])

    assert rows_in(content, "a.xlsx", {"Dept": "string!", "Net": "number", "Gross": "number"}) == [
        {"Dept": "Sales", "Net": 1, "Gross": 2}
    ]
    assert "Row 3, Amounts: Has several values under one merged heading" in refusal_of(
        content, "a.xlsx", {"Dept": "string!", "Amounts": "number"}
    )


def test_a_wide_heading_over_wide_cells_is_one_column() -> None:
    content = xlsx([["Name", None, "Age"], ["Ada", None, 36]], merges=["A1:B1", "A2:B2"])

    assert rows_in(content, "a.xlsx", {"Name": "string!", "Age": "integer"}) == [{"Name": "Ada", "Age": 36}]


def test_a_note_over_the_whole_table_is_named() -> None:
    content = xlsx([["A", "B", "C"], ["x", "y", "z"], ["Prices in CNY", None, None]], merges=["A3:C3"])

    assert "Row 3 is one merged cell" in refusal_of(content, "a.xlsx", {"A": "string", "B": "string", "C": "string"})


def test_the_table_is_in_the_sheet_that_has_its_header() -> None:
    content = xlsx([["About this file"]], Orders=TWO_ROWS, Notes=[["Order of things"]])

    assert rows_in(content, "a.xlsx", ORDERS) == READ


def test_of_several_sheets_that_fit_none_is_lost_in_silence() -> None:
    content = xlsx(TWO_ROWS, February=[["Order", "Amount"], ["B1", 7]])

    assert "It could be 'Data' or 'February'" in refusal_of(content, "a.xlsx", ORDERS)
    assert rows_in(content, "a.xlsx", ORDERS, TableLayout(sheet="february")) == [{"Order": "B1", "Amount": 7}]
    assert "no sheet 'March'" in refusal_of(content, "a.xlsx", ORDERS, TableLayout(sheet="March"))


def test_a_second_sheet_without_rows_does_not_matter() -> None:
    assert rows_in(xlsx(TWO_ROWS, Empty=[["Order", "Amount"]]), "a.xlsx", ORDERS) == READ


def test_a_hidden_sheet_is_said() -> None:
    content = xlsx(TWO_ROWS, hidden=["Old"], Old=[["Order", "Amount"], ["B1", 7]])

    assert "It could be 'Data' or 'Old' (hidden)" in refusal_of(content, "a.xlsx", ORDERS)
    assert text_in(content, "a.xlsx").endswith("## Old (hidden)\nOrder\tAmount\nB1\t7")


def test_hidden_rows_and_columns_are_read() -> None:
    content = sheet_xml(
        texts(1, "Order", "Name") + texts(2, "A1", "x").replace("<row ", '<row hidden="1" ') + texts(3, "A2", "y"),
        after="",
    )

    assert rows_in(content, "a.xlsx", {"Order": "string", "Name": "string"}) == [
        {"Order": "A1", "Name": "x"},
        {"Order": "A2", "Name": "y"},
    ]


def test_a_sheet_that_names_no_column_is_refused() -> None:
    assert "None of the template's columns is named in the first 50 rows" in refusal_of(
        xlsx([["x"], ["y"]]), "a.xlsx", ORDERS
    )


def test_the_nearest_header_says_what_is_missing() -> None:
    content = xlsx([["Title"], ["Amount", "Note"], [5, "x"]])

    assert "The required column Order is missing." in refusal_of(content, "a.xlsx", ORDERS)
