"""Splitting long documents, and joining the tables of their parts: every row once, and none lost."""

import random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.costs import estimated_tokens
from aijobs.domain.documents.templates import Row
from aijobs.generators.parts.joining import PartRows, join
from aijobs.generators.parts.row_text import RowText
from aijobs.generators.parts.splitting import ELSEWHERE, DocumentPart, count_of, parts_of

COLUMNS: Final = [Column(name="No", required=True), Column(name="Item")]


def row(number: object, item: object = "x") -> Row:
    return {"No": None if number is None else str(number), "Item": None if item is None else str(item)}


def text_of(*rows: Row) -> str:
    return "\n".join(f"{one['No']}\t{one['Item']}" for one in rows)


def own_lines(part: DocumentPart) -> list[str]:
    """Without what every part has, and without what the part before it has too."""
    lines = part.text.split("\n")
    body = lines[lines.index(ELSEWHERE) + 1 :] if ELSEWHERE in lines else lines
    return body[len(part.overlap.split("\n")) if part.overlap else 0 :]


@pytest.mark.parametrize(
    "line", ["a paragraph of words", "[page 3]", "1\tSKU\t5.0", "", "合同金额 1,250.50 元", "x" * 900]
)
def test_every_line_is_in_a_part_and_no_part_is_too_long(line: str) -> None:
    text = "Invoice: 7\n\n" + "\n".join(f"{line}{number}" if line else "" for number in range(400))

    parts = parts_of(text, 1_000)

    assert len(parts) > 1 or estimated_tokens(text) <= 1_000
    assert all(estimated_tokens(part.text) <= 1_000 for part in parts)
    heading = 1 if "\t" in line else 0
    found = "".join(own_lines(parts[0])) + "".join("".join(own_lines(part)[heading:]) for part in parts[1:])
    assert found == text.replace("\n", "")
    assert all(part.overlap and part.text.endswith(part.overlap) is False for part in parts[1:])


def test_a_short_document_is_one_part() -> None:
    assert parts_of("one\ntwo", 100) == [DocumentPart(text="one\ntwo")]


def test_parts_are_cut_at_pages_and_begin_with_the_page_before() -> None:
    pages = [f"[page {number}]\n" + "\n".join(f"line {number}.{line}" for line in range(8)) for number in range(1, 40)]

    parts = parts_of("\n".join(pages), 700)

    assert all(own_lines(part)[0].startswith("[page ") for part in parts[1:])
    assert all(part.overlap.startswith("[page ") for part in parts[1:])


def test_a_part_that_begins_within_a_table_has_its_heading_and_the_documents_beginning() -> None:
    table = "\n".join(f"| {number} | widget |" for number in range(300))

    parts = parts_of(f"Invoice: R-7\nDate: 2026-03-17\n\n| No | Item |\n|---|---|\n{table}\n\nThank you.", 600)

    for part in parts[1:]:
        lines = part.text.split("\n")
        assert lines[:2] == ["Invoice: R-7", "Date: 2026-03-17"]
        at = lines.index(ELSEWHERE)
        assert lines[at + 1 : at + 3] == ["| No | Item |", "|---|---|"]


def test_about_how_many_parts_there_will_be() -> None:
    text = "\n".join(f"line {number} of the text" for number in range(3_000))

    assert count_of(900, 1_000) == 1
    assert 0.8 <= count_of(estimated_tokens(text), 1_000) / len(parts_of(text, 1_000)) <= 1.2


def test_rows_of_the_overlap_are_one() -> None:
    parts = [PartRows([row(1), row(2), row(3)]), PartRows([row(2), row(3), row(4)], text_of(row(2), row(3)))]

    joined = join(COLUMNS, parts)

    assert joined.rows == [row(1), row(2), row(3), row(4)]
    assert joined.origins == [[(0, 0)], [(0, 1)], [(0, 2)], [(1, 2)]]
    assert joined.differing == []


def test_equal_rows_of_the_document_are_counted_in_its_text() -> None:
    """Three equal lines, of which two parts share one: the document has three of them."""
    same = row("A1", "bolt")
    shared_one = [PartRows([row(0), same, same]), PartRows([same, same, row(9)], text_of(same))]
    shared_two = [PartRows([row(0), same, same]), PartRows([same, same, row(9)], text_of(same, same))]

    assert join(COLUMNS, shared_one).rows == [row(0), same, same, same, row(9)]
    assert join(COLUMNS, shared_two).rows == [row(0), same, same, row(9)]


def test_equal_rows_that_do_not_stand_in_the_overlap_are_two() -> None:
    joined = join(COLUMNS, [PartRows([row(1), row(2)]), PartRows([row(2), row(3)], "nothing of a table")])

    assert joined.rows == [row(1), row(2), row(2), row(3)]
    assert joined.differing == [(1, 2)]


def test_two_readings_of_one_row_are_both_kept_and_named() -> None:
    columns = [*COLUMNS, Column(name="Unit")]
    one, other = {**row(2, "bolt"), "Unit": "kg"}, {**row(2, "bolts"), "Unit": "kg"}
    first, last = {**row(1, "nut"), "Unit": "m"}, {**row(3, "pin"), "Unit": "l"}

    joined = join(columns, [PartRows([first, one]), PartRows([other, last], "2\tbolts\tkg")])

    assert joined.rows == [first, one, other, last]
    assert joined.differing == [(1, 2)]


def test_a_row_that_only_one_part_has_seen_is_kept() -> None:
    parts = [PartRows([row(1), row(2), row(3)]), PartRows([row(1), row(3), row(4)], text_of(row(1), row(2), row(3)))]

    assert join(COLUMNS, parts).rows == [row(1), row(2), row(3), row(4)]
    assert join(COLUMNS, [parts[0], PartRows([], parts[1].overlap)]).rows == [row(1), row(2), row(3)]


def test_a_row_that_is_cut_at_a_parts_end_is_completed_by_its_other_reading() -> None:
    columns = [Column(name="No"), Column(name="Item", required=True), Column(name="Day")]
    cut: Row = {"No": "7", "Item": None, "Day": "2026-01-02"}
    whole: Row = {**cut, "Item": "pin"}
    other, last = (Row({"No": no, "Item": "nut", "Day": "2026-01-03"}) for no in ("6", "8"))

    joined = join(columns, [PartRows([other, cut]), PartRows([whole, last], "7 pin of 2026-01-02")])

    assert joined.rows == [other, whole, last]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("HT-7", None), row(None, "pin")], [row("HT-7", "pin")]),
        ([row("HT-7", "pin"), None, row("HT-7", None)], [row("HT-7", "pin")]),
        ([row("HT-7", "pin"), row("HT-7", "nut")], [row("HT-7", "pin"), row("HT-7", "nut")]),
        ([row("HT-7", None), row("HT-8", None)], [row("HT-7", None), row("HT-8", None)]),
    ],
)
def test_a_document_that_is_one_row_is_put_together(rows: list[Any], expected: list[Row]) -> None:
    parts = [PartRows([] if one is None else [one], "overlap") for one in rows]

    joined = join(COLUMNS, parts)

    assert joined.rows == expected
    assert bool(joined.differing) is (len(expected) > 1)


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10**6), st.integers(20, 120), st.integers(250, 900), st.integers(2, 40))
def test_a_table_that_is_read_part_by_part_comes_back_equal(seed: int, count: int, room: int, kinds: int) -> None:
    """Also one with many equal rows: each part's rows are exactly those of its lines."""
    draw = random.Random(seed)
    rows = [row(f"SKU-{draw.randint(100, 100 + kinds)}", draw.choice(("bolt", "nut", "a pin"))) for _ in range(count)]
    parts = parts_of("No\tItem\n" + text_of(*rows), room)

    read = [PartRows([row(*line.split("\t")) for line in _table_lines(part)], part.overlap) for part in parts]

    assert join(COLUMNS, read).rows == rows


def _table_lines(part: DocumentPart) -> list[str]:
    lines = part.text.split("\n")
    return lines[lines.index(ELSEWHERE) + 2 :] if ELSEWHERE in lines else lines[1:]


def test_values_are_found_as_documents_write_them() -> None:
    text = RowText("HT-10 ，1,250.50 元 于2026年3月7日 HT-1\t12.00 HT-1 3.12")

    assert text.count({"No": "HT-1", "Amount": 12}) == 1
    assert text.most({"No": "HT-1", "Amount": 12}) == 2
    assert text.count({"Day": "2026-03-07", "Amount": 1250.5, "Paid": True, "None": None}) == 1
    assert text.count({"No": "HT-100", "Amount": 250.5}) == 0
    assert RowText("").count(row(1)) == 0
