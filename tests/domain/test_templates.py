"""Templates, and what a model's answer must be to become rows of their tables."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aijobs.domain.documents.column_values import ColumnType, value_as
from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.template_files import parse_template
from aijobs.domain.documents.templates import MAX_CELLS, MAX_ERRORS, TemplateDefinition, check_rows, rows_schema
from aijobs.settings import Settings

COLUMNS = (
    Column(name="甲方", required=True),
    Column(name="合同金额", type=ColumnType.NUMBER),
    Column(name="签订日期", type=ColumnType.DATE),
)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("string", 5.0, "5"),
        ("string", 12345678901234, "12345678901234"),
        ("string", True, "true"),
        ("string", datetime(2026, 1, 5), "2026-01-05"),  # noqa: DTZ001
        ("string", "a\0b\x0b", "ab"),
        ("string", "  ", None),
        ("integer", "1,200", 1200),
        ("integer", 3.0, 3),
        ("integer", "-7", -7),
        ("number", "1,234.50", 1234.5),
        ("number", "１２．５", 12.5),
        ("number", 1e3, 1000.0),
        ("boolean", "是", True),
        ("boolean", "No", False),
        ("boolean", 1, True),
        ("date", "2026年1月5日", "2026-01-05"),
        ("date", "2026/01/05", "2026-01-05"),
        ("date", "2026-01-05T00:00:00", "2026-01-05"),
        ("date", date(2026, 1, 5), "2026-01-05"),
        ("date", None, None),
    ],
)
def test_what_people_and_models_write_becomes_what_the_column_holds(kind: str, raw: object, value: object) -> None:
    assert value_as(ColumnType(kind), raw) == value


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("string", ["a"]),
        ("string", "x" * 32_768),
        ("integer", 1.5),
        ("integer", True),
        ("integer", 2**53),
        ("number", "about 5"),
        ("number", float("nan")),
        ("number", float("inf")),
        ("number", 10**400),
        ("number", "1e999"),
        ("number", "1,2,3"),
        ("integer", "1" + ",111" * 2000),
        ("boolean", "perhaps"),
        ("boolean", 2),
        ("date", "2026-02-30"),
        ("date", "2026-01/05"),
        ("date", 45000.0),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, raw: object) -> None:
    with pytest.raises(ValueError, match=r"Must|Has more"):
        value_as(ColumnType(kind), raw)


@pytest.mark.parametrize(
    "answer",
    [
        [{"甲方": "A", "合同金额": 5}],
        {"rows": [{"甲方": "A", "合同金额": "5", "签订日期": None}]},
        {"data": [{" 甲方 ": "A", "合同金额": 5}]},
        {"甲方": "A", "合同金额": 5},
    ],
)
def test_an_answer_may_come_in_several_wrappings(answer: Any) -> None:
    assert check_rows(COLUMNS, answer).rows == ({"甲方": "A", "合同金额": 5, "签订日期": None},)


def test_each_wrong_value_is_pointed_at() -> None:
    checked = check_rows(COLUMNS, {"rows": [{"甲方": "A"}, {"合同金额": "much", "签订日期": "soon"}, "text"]})

    assert checked.rows == ()
    assert {error.pointer for error in checked.errors} == {
        "/rows/1/甲方",
        "/rows/1/合同金额",
        "/rows/1/签订日期",
        "/rows/2",
    }


def test_unknown_keys_are_told_and_left_out() -> None:
    checked = check_rows(COLUMNS, [{"甲方": "A", "备注": "x"}])

    assert (list(checked.rows[0]), checked.ignored) == (["甲方", "合同金额", "签订日期"], ("备注",))


@pytest.mark.parametrize("answer", ["text", 5, None, {"a": 1}, {"a": [], "b": []}, {}, {"a" * 101: [{}]}])
def test_what_is_no_table_is_an_error(answer: Any) -> None:
    assert check_rows(COLUMNS, answer).errors


def test_errors_are_not_told_without_end() -> None:
    assert len(check_rows(COLUMNS, [{}] * 1000).errors) == MAX_ERRORS


class Watched(list[dict[str, Any]]):
    """Rows that know how many of them were looked at."""

    looked_at = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in super().__iter__():
            self.looked_at += 1
            yield row


def test_of_a_hostile_answer_no_more_is_looked_at_than_is_told() -> None:
    columns = [Column(name=f"c{number}", required=True) for number in range(10)]
    rows = Watched([{}] * 100_000)

    checked = check_rows(columns, {"rows": rows})

    assert (len(checked.errors), checked.rows) == (MAX_ERRORS, ())
    assert checked.errors[-1].pointer == "/rows/4/c9"
    assert rows.looked_at == MAX_ERRORS / len(columns)


def test_an_answer_of_empty_rows_cannot_ask_for_cells_without_end() -> None:
    columns = [Column(name=f"c{number}") for number in range(200)]
    rows, fitting = Watched([{}] * 100_000), MAX_CELLS // len(columns)

    checked = check_rows(columns, {"rows": rows})

    assert [(error.pointer, error.message[:12]) for error in checked.errors] == [("/rows", "Must have at")]
    assert rows.looked_at == fitting + 1
    assert len(check_rows(columns, [{}] * fitting).rows) == fitting


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("甲方"), inner, max_size=3)
    ),
)


@given(json_values)
def test_any_answer_is_either_rows_or_errors(answer: Any) -> None:
    checked = check_rows(COLUMNS, answer)

    assert not (checked.rows and checked.errors)
    assert all(list(row) == [column.name for column in COLUMNS] for row in checked.rows)


def test_the_schema_of_an_answer_is_strict() -> None:
    row = rows_schema(COLUMNS)["properties"]["rows"]["items"]

    assert row["required"] == ["甲方", "合同金额", "签订日期"]
    assert row["additionalProperties"] is False
    assert row["properties"]["甲方"] == {"type": "string"}
    assert row["properties"]["合同金额"] == {"type": ["number", "null"]}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"columns": []}, "columns"),
        ({"columns": [{"name": "A"}, {"name": "ａ "}]}, "columns"),
        ({"columns": [{"name": "A", "type": "money"}]}, "type"),
        ({"columns": [{"name": "a\nb"}]}, "name"),
        ({"prompt": "  "}, "prompt"),
        ({"stages": {"pattern": "("}}, "pattern"),
        ({"stages": {"max_stages": 0}}, "max_stages"),
        ({"stages": {"identifiers": ["a", "a"]}}, "identifiers"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_template_is_refused_and_the_field_is_named(change: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError, match=where):
        TemplateDefinition.model_validate({"name": "T", "prompt": "阶段1 读", "columns": [{"name": "A"}], **change})


def test_the_shipped_templates_have_stages_and_no_warnings() -> None:
    shipped = Settings.load({}).load_templates()

    assert {"contract_zh", "invoice_en"} <= shipped.keys()
    assert [stages for stages in map(stages_in, shipped.values()) if stages < 3] == []


def stages_in(file: Any) -> int:
    from aijobs.domain.documents.prompt_stages import split

    cut = split(file.definition.prompt, file.definition.stages)
    assert cut.warnings == ()
    return len(cut.stages)


@pytest.mark.parametrize(
    ("template_id", "text", "message"),
    [
        ("../x", "", "cannot be a template's id"),
        ("a", "name =", "is not TOML"),
        ("a", "name = 'x'\nprompt = 'y'", "columns"),
        (
            "a",
            "name='x'\nprompt='" + "a" * 5000 + "'\ncolumns=[{name='A'}]\n[stages]\npattern='(a+)+b'",
            "stages.pattern",
        ),
    ],
)
def test_a_wrong_file_is_named(template_id: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_template(template_id, text)
