"""Reading JSON from models' answers, also invalid JSON."""

from typing import Any

import pytest

from aijobs.generators.json_answers import MAX_REPAIRED, NotJson, read_answer


@pytest.mark.parametrize(
    ("text", "data", "repaired"),
    [
        ('{"rows": [{"a": 1}]}', {"rows": [{"a": 1}]}, False),
        ('\ufeff [{"a": null}] ', [{"a": None}], False),
        ('Sure!\n```json\n[{"a": 1}]\n```\nBye.', [{"a": 1}], False),
        ("```\n[1]\n```\nNo, better:\n```JSON\r\n[2]\n```", [2], False),
        ("{'rows': [{'a': 1,},]}", {"rows": [{"a": 1}]}, True),
        ('```json\n{"rows": [{"a": 1},]}\n```', {"rows": [{"a": 1}]}, True),
        ('{"rows": [{"a": NaN}]}', {"rows": [{"a": "NaN"}]}, True),
        ('[{"a": 1e999, "b": 12345678901234567890123}]', [{"a": "1e999", "b": "12345678901234567890123"}], False),
    ],
)
async def test_json_is_found(text: str, data: Any, *, repaired: bool) -> None:
    answer = await read_answer(text)

    assert (answer.data, answer.repaired) == (data, repaired)


@pytest.mark.parametrize("text", ["", "not json", "I cannot do that.", "```json\n```", "[", "{}}", "null", '"text"'])
async def test_what_is_none_is_told(text: str) -> None:
    try:
        answer = await read_answer(text)
    except NotJson:
        return
    assert answer.data in ({}, None, "text"), "valid JSON, and no table: the columns will say so"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[{" * 50_000 + "}]" * 50_000])
async def test_deep_nesting_is_refused_at_once(text: str) -> None:
    with pytest.raises(NotJson, match="deeper"):
        await read_answer(text)


@pytest.mark.parametrize("text", ["```" + " " * 1_000_000, "```json" + "\t" * 1_000_000, "```\n" * 200_000])
async def test_fences_of_nothing_are_passed_over(text: str) -> None:
    """Linear time: a regular expression that backtracks over the spaces would take hours."""
    with pytest.raises(NotJson):
        await read_answer(text)


async def test_what_is_too_long_is_not_mended() -> None:
    with pytest.raises(NotJson):
        await read_answer("{'a': '" + "x" * MAX_REPAIRED)
