"""Rules of columns: refused when they do not fit their column, and which cells of a table break them."""

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from aijobs.domain.documents.column_rules import MAX_MATCHED_LENGTH, broken_rules
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.template_files import parse_template
from aijobs.domain.documents.templates import TemplateDefinition


def columns_of(*definitions: dict[str, Any]) -> tuple[Column, ...]:
    return TemplateDefinition.model_validate({"name": "T", "prompt": "p", "columns": definitions}).columns


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"type": "number", "minimum": "much"}, "minimum 'much' does not fit the type number"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "minimum is greater than maximum"),
        ({"type": "date", "minimum": "2026-02-30"}, "Must be a day of the calendar"),
        ({"minimum": 1}, "for numbers and dates, not string"),
        ({"type": "number", "pattern": "1"}, "for the type string, not number"),
        ({"pattern": "(a"}, "no regular expression: missing )"),
        ({"type": "boolean", "one_of": [True]}, "one_of is not for the type boolean"),
        ({"type": "integer", "one_of": [1, 1.5]}, "one_of 1.5 does not fit"),
        ({"one_of": ["a", " "]}, "one_of holds an empty value"),
        ({"sum_equals": "Total"}, "sum_equals is for numbers, not string"),
        ({"type": "number", "sum_per": "Total"}, "sum_per needs sum_equals"),
        ({"type": "number", "sum_equals": "Sum"}, "'Sum' is none"),
        ({"type": "number", "sum_equals": "Net"}, "must name another column"),
        ({"type": "number", "sum_equals": "Day"}, "must name a column of numbers"),
        ({"type": "number", "sum_equals": "Total", "sum_per": "Sum"}, "sum_per must name another column"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_by_its_columns_name(rules: dict[str, Any], message: str) -> None:
    others = ({"name": "Total", "type": "number"}, {"name": "Day", "type": "date"})

    with pytest.raises(ValidationError) as refused:
        columns_of({"name": "Net", **rules}, *others)

    (error,) = refused.value.errors()
    assert error["loc"][0] == "columns"
    assert "Column 'Net'" in error["msg"]
    assert message in error["msg"]


def test_bounds_and_lists_are_kept_in_the_columns_type() -> None:
    day = "columns = [{name = 'Day', type = 'date', minimum = 2026-01-05, one_of = [2026-01-06, '2026年1月7日']}]"
    definition = {"name": "T", "prompt": "p", **tomllib.loads(day)}

    (column,) = TemplateDefinition.model_validate(definition).columns
    (amount,) = columns_of({"name": "Amount", "type": "number", "maximum": "1,000"})

    assert (column.minimum, column.one_of) == ("2026-01-05", ("2026-01-06", "2026-01-07"))
    assert amount.maximum == 1000
    assert columns_of(column.model_dump(mode="json")) == (column,)


def test_a_wrong_rule_in_a_file_is_named() -> None:
    text = "name = 'T'\nprompt = 'p'\ncolumns = [{name = 'Net', type = 'number', minimum = 'much'}]"

    with pytest.raises(ValueError, match=r"template 't' is wrong: columns.0: Column 'Net': minimum 'much'"):
        parse_template("t", text)


@pytest.mark.parametrize(
    ("rules", "values", "broken"),
    [
        ({"pattern": r"PO-\d+"}, ["PO-1", "xPO-1", "PO-1x", None, "PO-1\n"], {1, 2, 4}),
        ({"type": "number", "minimum": 0, "maximum": 10}, [0, 10, -0.01, 10.5, None], {2, 3}),
        ({"type": "date", "maximum": "2026-11-21"}, ["2026-11-21", "2026-11-22", "1999-01-01"], {1}),
        ({"one_of": ["open", "paid"]}, ["open", "Open", "", None], {1, 2}),
        ({"type": "integer", "one_of": [1, 2]}, [1, 3], {1}),
        ({"unique": True}, ["a", "b", "a ", None, None], {0, 2}),
        ({"type": "number", "unique": True}, [1, 1.0, 2], {0, 1}),
    ],
)
def test_a_cell_breaks_its_rule(rules: dict[str, Any], values: list[Any], broken: set[int]) -> None:
    columns = columns_of({"name": "A", **rules})

    found = broken_rules(columns, [{"A": value} for value in values])

    assert {row for row, _ in found} == broken


def test_a_sum_is_taken_over_the_rows_that_belong_together_and_exactly() -> None:
    columns = columns_of(
        {"name": "Net", "type": "number", "sum_equals": "Total", "sum_per": "Invoice"},
        {"name": "Total", "type": "number"},
        {"name": "Invoice"},
    )
    rows: list[dict[str, Any]] = [
        {"Invoice": "A", "Net": 0.1, "Total": 0.3},
        {"Invoice": "A", "Net": 0.2, "Total": 0.3},
        {"Invoice": "B", "Net": 5, "Total": 6},
        {"Invoice": "B", "Net": 2, "Total": None},
        {"Invoice": "B", "Net": None, "Total": 7},
    ]

    assert broken_rules(columns, rows) == {(2, "Net"): ("sum_equals",)}


def test_a_pattern_that_takes_too_long_marks_what_it_did_not_match() -> None:
    columns = columns_of({"name": "A", "pattern": r"(a|aa|a+)*b"})
    rows: list[dict[str, Any]] = [
        {"A": "ab"},
        {"A": "a" * 60 + "bc"},
        {"A": "ab"},
        {"A": "a" * MAX_MATCHED_LENGTH + "b"},
    ]

    found = broken_rules(columns, rows)

    assert {row for row, _ in found} == {1, 2, 3}
