"""Reviews of extracted tables: corrections are applied all or none, and say what they did."""

from typing import Any

import pytest

from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.review import DocumentReview, NumberedRow, reviewed
from aijobs.domain.documents.sources import CellSource, Mark, ReviewPolicy
from aijobs.domain.errors import InvalidParameters

COLUMNS = (
    Column.model_validate({"name": "Item", "required": True, "unique": True}),
    Column.model_validate({"name": "Amount", "type": "number", "maximum": 100}),
)
DOUBTFUL = CellSource(quote="12", page=1, marks=(Mark.NOT_IN_SOURCE,))


def rows() -> list[NumberedRow]:
    return [
        NumberedRow(number=1, values={"Item": "a", "Amount": 12}, sources={"Amount": DOUBTFUL}),
        NumberedRow(number=2, values={"Item": "b", "Amount": 20}, sources={}),
    ]


def review_of(*corrections: dict[str, Any], accept: bool = False) -> DocumentReview:
    return DocumentReview.model_validate({"rows": corrections, "accept": accept})


def test_a_corrected_value_keeps_its_source_and_is_marked_as_changed() -> None:
    table = reviewed(COLUMNS, rows(), review_of({"row": 1, "values": {"Amount": "12.50"}}))

    source = table.rows[0].sources["Amount"]
    assert table.rows[0].values == {"Item": "a", "Amount": 12.5}
    assert (source.quote, source.marks) == ("12", (Mark.NOT_IN_SOURCE, Mark.CHANGED))
    assert not source.is_doubtful
    (change,) = table.changes
    assert (change.kind, change.row, change.before, change.after) == ("changed", 1, {"Amount": 12}, {"Amount": 12.5})


def test_a_value_that_is_sent_as_it_is_confirms_it() -> None:
    table = reviewed(COLUMNS, rows(), review_of({"row": 1, "values": {"Amount": 12, "Item": "a"}}, accept=True))

    assert table.rows[0].sources["Amount"].marks == (Mark.NOT_IN_SOURCE,)
    assert not table.rows[0].sources["Amount"].is_doubtful
    assert [change.kind for change in table.changes] == ["confirmed", "accepted"]


def test_rows_are_added_and_removed() -> None:
    table = reviewed(COLUMNS, rows(), review_of({"row": 1, "remove": True}, {"values": {"Item": "c"}}))

    assert [(row.number, row.values) for row in table.rows] == [
        (2, {"Item": "b", "Amount": 20}),
        (3, {"Item": "c", "Amount": None}),
    ]
    assert [(change.kind, change.row) for change in table.changes] == [("removed", 1), ("added", 3)]


def test_a_correction_can_break_a_rule_elsewhere_and_mend_it_again() -> None:
    broken = reviewed(COLUMNS, rows(), review_of({"row": 1, "values": {"Item": "b"}}))
    mended = reviewed(COLUMNS, broken.rows, review_of({"row": 1, "values": {"Item": "a"}}))

    assert broken.rows[1].sources["Item"].marks == (Mark.OUT_OF_RULE,)
    assert broken.rows[1].sources["Item"].is_doubtful
    assert mended.rows[1].sources["Item"].marks == ()
    assert mended.rows[0].sources["Item"].marks == (Mark.CHANGED,)


def test_a_value_that_was_confirmed_is_looked_at_again_when_it_breaks_another_rule() -> None:
    confirmed = reviewed(COLUMNS, rows(), review_of({"row": 1, "values": {"Amount": 12}})).rows
    stricter = (COLUMNS[0], COLUMNS[1].model_copy(update={"maximum": 10}))

    same = reviewed(COLUMNS, confirmed, review_of({"row": 2, "values": {"Amount": 21}}))
    broken = reviewed(stricter, confirmed, review_of({"row": 2, "values": {"Amount": 9}}))

    assert not same.rows[0].sources["Amount"].is_doubtful
    assert broken.rows[0].sources["Amount"].is_doubtful
    assert broken.rows[0].sources["Amount"].marks == (Mark.NOT_IN_SOURCE, Mark.OUT_OF_RULE)


def test_what_cannot_be_taken_is_named_and_nothing_of_it_is_kept() -> None:
    before = rows()
    corrections = (
        {"row": 1, "values": {"Amount": "much", "Colour": "red"}},
        {"row": 7, "values": {"Item": "a"}},
        {"row": 2, "values": {"Item": ""}},
        {"values": {"Amount": 5}},
        {"remove": True},
        {"row": 2, "values": {"Amount": "many"}},
    )

    with pytest.raises(InvalidParameters) as refused:
        reviewed(COLUMNS, before, review_of(*corrections))

    assert [error.pointer for error in refused.value.fields] == [
        "/rows/0/values/Colour",
        "/rows/1/row",
        "/rows/2/values/Item",
        "/rows/3/values/Item",
        "/rows/4/remove",
        "/rows/5/values/Amount",
    ]
    assert before == rows()


@pytest.mark.parametrize(
    ("policy", "clean", "marked"), [("never", False, False), ("marked", False, True), ("always", True, True)]
)
def test_a_template_says_which_documents_are_reviewed(policy: str, *, clean: bool, marked: bool) -> None:
    confirmed = DOUBTFUL.model_copy(update={"confirmed": True})

    assert ReviewPolicy(policy).asks_for([{}, {"Amount": confirmed}]) is clean
    assert ReviewPolicy(policy).asks_for([{}, {"Amount": DOUBTFUL}]) is marked
