"""How an extracted table differs from the known one."""

from aijobs.domain.documents.table_comparison import WrongCell, compare
from aijobs.domain.documents.templates import Row

COLUMNS = ["No", "Item", "Amount"]


def row(number: str, item: str | None = "bolt", amount: float | None = 1.0) -> Row:
    return {"No": number, "Item": item, "Amount": amount}


def test_equal_tables_agree_whatever_their_order() -> None:
    same = compare(COLUMNS, [row("1"), row("2"), row("2")], [row("2"), row("1"), row("2")])

    assert (same.missed, same.invented, same.wrong) == ([], [], [])
    assert same.correct == {"No": 3, "Item": 3, "Amount": 3}


def test_missed_and_invented_rows_are_counted() -> None:
    differing = compare(COLUMNS, [row("1"), row("2", "nut", 5)], [row("1"), row("1"), row("3", "pin", 9)])

    assert (differing.expected, differing.found) == (2, 3)
    assert (differing.missed, differing.invented) == ([1], [1, 2])
    assert differing.correct == {"No": 1, "Item": 1, "Amount": 1}


def test_a_wrong_value_is_no_missed_row() -> None:
    differing = compare(COLUMNS, [row("1"), row("2", "nut")], [row("1"), row("2", "nuts")])

    assert (differing.missed, differing.invented) == ([], [])
    assert differing.wrong == [WrongCell(1, "Item", "nut", "nuts")]
    assert differing.correct == {"No": 2, "Item": 1, "Amount": 2}


def test_the_row_that_agrees_most_is_the_counterpart() -> None:
    differing = compare(COLUMNS, [row("1", "nut", 2), row("1", "nut", 3)], [row("9", "nut", 3), row("1", "nut", 4)])

    assert {(cell.row, cell.column) for cell in differing.wrong} == {(0, "Amount"), (1, "No")}


def test_width_and_spaces_do_not_count_and_an_invented_value_does() -> None:
    differing = compare(COLUMNS, [row("Ａ1", "a  pin", None)], [row("A1", "a pin", 0.0)])

    assert [cell.column for cell in differing.wrong] == ["Amount"]
    assert compare(COLUMNS, [], []).correct == {"No": 0, "Item": 0, "Amount": 0}
