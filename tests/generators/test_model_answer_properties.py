"""Any table in any known style comes back equal or is asked for again; no part of an answer is taken for the whole."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aijobs.generators.tables import read_table
from tests.generators.test_model_answers import ONE, ORDERS

AnyRow = dict[str, Any]

TEXTS: Final = st.text(
    st.sampled_from("ab 1,:;'\"\\/{}[]<>#%\n\t“”，：【】「」中文é")
    | st.characters(codec="utf-8", categories=("L", "N", "P", "S"), max_codepoint=0xFFFF),
    min_size=1,
    max_size=12,
)
SNIPPETS: Final = st.sampled_from(
    [
        '","Amount": 9',
        "</think>",
        "<think>",
        "```",
        '{"rows": []}',
        "...",
        "// more",
        "None",
        "NaN",
        "wait",
        "it's",
        "第2页",
    ]
)
ORDER_TEXTS: Final = (TEXTS | SNIPPETS | st.builds("{}{}".format, TEXTS, SNIPPETS)).filter(
    lambda text: text.strip(" \n\t.…[]()") != ""  # `...` stands for rows that are left out
)
AMOUNTS: Final = st.none() | st.integers(-(10**12), 10**12) | st.decimals(-9999, 9999, places=2).map(float)
ROWS: Final = st.lists(st.fixed_dictionaries({"Order": ORDER_TEXTS, "Amount": AMOUNTS}), max_size=4)
FILLED: Final = ROWS.filter(bool)


def compact(rows: Sequence[AnyRow]) -> str:
    return json.dumps({"rows": rows}, ensure_ascii=False, separators=(",", ":"))


def pretty(rows: Sequence[AnyRow]) -> str:
    return json.dumps({"reasoning": "I [saw] {it}", "rows": rows, "total": len(rows)}, ensure_ascii=False, indent=2)


def escaped(rows: Sequence[AnyRow]) -> str:
    return json.dumps({"data": {"rows": rows}})


def bare_list(rows: Sequence[AnyRow]) -> str:
    return json.dumps(rows, ensure_ascii=False)


def trailing_commas(rows: Sequence[AnyRow]) -> str:
    lines = [f"  {json.dumps(row, ensure_ascii=False)[:-1]},}},\n" for row in rows]
    return f'{{"rows": [\n{"".join(lines)}],}}'


def comments(rows: Sequence[AnyRow]) -> str:
    lines = [f"  {json.dumps(row, ensure_ascii=False)}, // row {number}\n" for number, row in enumerate(rows)]
    return f'{{"rows": [ /* all of them */\n{"".join(lines)}]}}'


def python_literals(rows: Sequence[AnyRow]) -> str:
    return repr({"rows": list(rows)})


def single_quotes_unescaped(rows: Sequence[AnyRow]) -> str:
    lines = [f"{{'Order': '{row['Order']}', 'Amount': {json.dumps(row['Amount'])}}}" for row in rows]
    return f"{{'rows': [{', '.join(lines)}]}}"


def quotes_unescaped(rows: Sequence[AnyRow]) -> str:
    lines = [f'{{"Order": "{row["Order"]}", "Amount": {json.dumps(row["Amount"])}}}' for row in rows]
    return f'{{"rows": [{", ".join(lines)}]}}'


def full_width(rows: Sequence[AnyRow]) -> str:
    lines = [f"｛“Order”：“{row['Order']}”，“Amount”：{json.dumps(row['Amount'])}｝" for row in rows]
    return f"｛“rows”：［{'，'.join(lines)}］｝"


def unquoted_keys(rows: Sequence[AnyRow]) -> str:
    lines = [f"{{Order: {json.dumps(row['Order'])}, Amount: {json.dumps(row['Amount'])}}}" for row in rows]
    return f"{{rows: [{', '.join(lines)}]}}"


def separators(rows: Sequence[AnyRow]) -> str:
    amounts = [f"{row['Amount']:,}" if row["Amount"] is not None else "null" for row in rows]
    lines = [
        f'{{"Order": {json.dumps(row["Order"])}, "Amount": {amount}}}'
        for row, amount in zip(rows, amounts, strict=True)
    ]
    return f'{{"rows": [{", ".join(lines)}]}}'


def json_lines(rows: Sequence[AnyRow]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def a_document_each(rows: Sequence[AnyRow]) -> str:
    return "\n".join(compact([row]) for row in rows)


def a_fence_each(rows: Sequence[AnyRow]) -> str:
    return "\n\n".join(f"Page {number}:\n```json\n{compact([row])}\n```" for number, row in enumerate(rows, 1))


Style = Callable[[Sequence[AnyRow]], str]

#: One document, in JSON that is valid.
VALID: Final[Sequence[Style]] = (compact, pretty, escaped, bare_list)
#: One document, in JSON that must be mended, from which nothing is lost: the writer escaped what must be.
MENDABLE: Final[Sequence[Style]] = (trailing_commas, comments, unquoted_keys, separators)
#: … the writer did not, so that it may be asked for again.
DOUBTFUL: Final[Sequence[Style]] = (python_literals, single_quotes_unescaped, quotes_unescaped, full_width)
#: … so that nobody can tell a backslash from an escape.
UNESCAPED: Final[Sequence[Style]] = (single_quotes_unescaped, quotes_unescaped, full_width)
SEVERAL: Final[Sequence[Style]] = (json_lines, a_document_each, a_fence_each)

WRAPPINGS: Final[Mapping[str, str]] = {
    "nothing": "{}",
    "byte order mark": "\ufeff {}\n",
    "fence": "Of course! Here it is:\n\n```json\n{}\n```\n\nLet me know if you need anything else.",
    "fence of another name": "```javascript\n{}\n```",
    "prose with brackets": "Columns are [order, amount], see [1] and {{x}}.\n{}\nDone [2].",
    "thoughts": f"<think>First {ONE.replace('{', '{{').replace('}', '}}')}? No.</think>\n{{}}",
    "thoughts without a beginning": "I begin with {{ or [.\n```json\n[]\n```\n</think>\n{}",
    "reasoning": "<reasoning>\nhm\n</reasoning>\n\n{}",
    "Chinese prose": "以下是提取结果:\n{}\n共计如上。",
}


def rows_of(text: str) -> list[AnyRow] | None:
    """None: asked again."""
    table = asyncio.run(read_table(ORDERS, text))
    return None if table.problems else [dict(row) for row in table.rows]


@given(ROWS, st.sampled_from(VALID), st.sampled_from([*WRAPPINGS.values()]))
@settings(max_examples=150, deadline=None)
def test_valid_json_comes_back_equal(rows: list[AnyRow], style: Style, wrapping: str) -> None:
    found = rows_of(wrapping.format(style(rows)))

    assert found == rows or (found is None and style is bare_list and not rows)  # `[]` among words


@given(ROWS, st.sampled_from(MENDABLE), st.sampled_from([*WRAPPINGS.values()]))
@settings(max_examples=150, deadline=None)
def test_what_has_one_meaning_comes_back_equal(rows: list[AnyRow], style: Style, wrapping: str) -> None:
    found = rows_of(wrapping.format(style(rows)))

    assert found == rows or (found is None and any("think" in row["Order"].lower() for row in rows))


@given(ROWS, st.sampled_from([*DOUBTFUL, *SEVERAL]), st.sampled_from([*WRAPPINGS.values()]))
@settings(max_examples=300, deadline=None)
def test_any_other_style_comes_back_equal_or_is_asked_for_again(
    rows: list[AnyRow], style: Style, wrapping: str
) -> None:
    assume(style not in UNESCAPED or not any("\\" in row["Order"] for row in rows))

    assert rows_of(wrapping.format(style(rows))) in (rows, None)


@given(FILLED, st.sampled_from([*VALID, *MENDABLE, *DOUBTFUL]), st.sampled_from([*WRAPPINGS.values()]), st.data())
@settings(max_examples=400, deadline=None)
def test_a_part_of_a_document_is_no_table(rows: list[AnyRow], style: Style, wrapping: str, data: st.DataObject) -> None:
    document = style(rows)
    answer = wrapping.format(document)
    start = answer.rindex(document)
    end = data.draw(st.integers(start, start + len(document) - 1))

    assert rows_of(answer[:end]) is None


@given(FILLED, st.sampled_from(VALID), st.data())
@settings(max_examples=100, deadline=None)
def test_an_answer_without_its_beginning_is_no_table(rows: list[AnyRow], style: Style, data: st.DataObject) -> None:
    document = style(rows)
    begin = data.draw(st.integers(1, len(document) - 1))

    assert rows_of(document[begin:]) in (None, rows)


@given(st.text(st.sampled_from("{}[]\"':,，：｛｝ \n\\aA1.0-/#*<>think“”"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_table_or_asked_for_again(text: str) -> None:
    rows_of(text)
