"""What models answer, by kind: the table as it was written, or a question asked again; never another table."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from aijobs.domain.documents.columns import Column
from aijobs.domain.documents.templates import Template
from aijobs.generators.answers.thoughts import without_thoughts
from aijobs.generators.tables import MendedValue, Table, read_table

COLUMNS: Final = (Column(name="Order", required=True), Column.model_validate({"name": "Amount", "type": "number"}))
ORDERS: Final = Template(
    id="orders", version=1, create_time=datetime.now(UTC), name="Orders", prompt="Read.", columns=COLUMNS
)
A1: Final = {"Order": "A1", "Amount": 5}
A2: Final = {"Order": "A2", "Amount": 12}
A3: Final = {"Order": "A3", "Amount": 1250}
ONE: Final = '{"rows": [{"Order": "A1", "Amount": 5}]}'
TWO: Final = '{"rows": [{"Order": "A1", "Amount": 5}, {"Order": "A2", "Amount": 12}]}'
SECOND: Final = '{"rows": [{"Order": "A2", "Amount": 12}]}'


async def table_of(text: str, template: Template = ORDERS) -> Table:
    return await read_table(template, text)


async def rows_of(text: str) -> Any:
    """The rows as a list, or None when the model is asked again."""
    table = await table_of(text)
    return None if table.problems else [dict(row) for row in table.rows]


SEVERAL_DOCUMENTS: Final = {
    '{"Order": "A1", "Amount": 5}\n{"Order": "A2", "Amount": 12}\n{"Order": "A3", "Amount": 1250}': [A1, A2, A3],
    '{"Order": "A1", "Amount": 5},\n{"Order": "A2", "Amount": 12},': [A1, A2],
    '```jsonl\n{"Order": "A1", "Amount": 5}\n{"Order": "A1", "Amount": 5}\n```': [A1, A1],
    '1. {"Order": "A1", "Amount": 5}\n2. {"Order": "A2", "Amount": 12}': [A1, A2],
    f"{ONE}\n{SECOND}": [A1, A2],
    f"```json\n{ONE}\n```\n```json\n{SECOND}\n```": [A1, A2],
    f"Page 1:\n```json\n{ONE}\n```\nPage 2:\n```json\n{SECOND}\n```\n": [A1, A2],
    f"第1页:\n{ONE}\n续表如下:\n{SECOND}": [A1, A2],
    '[{"Order": "A1", "Amount": 5}]\n[{"Order": "A2", "Amount": 12}]': [A1, A2],
    f"{ONE}\n\n{ONE}": None,
    f"{ONE}\n\n{TWO}": None,
    f"{ONE}\n\n{ONE.replace('5', '15')}": None,
    f"```json\n{ONE}\n```\nand here the clean version:\n```json\n{ONE.replace('5', '15')}\n```": None,
    f"{ONE}\nHere it is for your convenience:\n{ONE}": [A1],
    f"{ONE}\nAnd some text that says nothing of how they belong together: \n": [A1],
    f"{ONE}\nThe supplier has these:\n{SECOND}": None,
    f'{ONE}\n{{"Order": "A2", "Amount": 12}}': None,
    '{"rows": [{"Order": "A1", "Amount": 5}], "rows": [{"Order": "A2", "Amount": 12}]}': None,
    '{"rows": [{"Order": "A1", "Amount": 5, "Amount": 12}]}': None,
    "{'rows': [{'Order': 'A1', 'Amount': 5, 'Amount': 12}]}": None,
    '{"rows": [{"Order": "A1", "Amount": 5, "amount ": 12}]}': None,
    '{"rows": [{"Order": "A1", "Amount": 5}], "more": [{"Order": "A2", "Amount": 12}]}': None,
}


@pytest.mark.parametrize("text", SEVERAL_DOCUMENTS)
async def test_several_documents_are_joined_or_asked_for_again(text: str) -> None:
    assert await rows_of(text) == SEVERAL_DOCUMENTS[text]


CUT: Final = (
    '{"rows": [{"Order": "A1", "Amount": 5000}, {"Order": "A2", "Amount": 12',
    '{"rows": [{"Order": "A1", "Amount": 5}, {"Order": "A2"',
    '{"rows": [{"Order": "A1", "Amount": 5},',
    '```json\n{"rows": [{"Order": "A1", "Amount": 5}',
    f"{ONE}\n" + '{"Order": "A2", "Amou',
    '{"Order": "A1", "Amount": 5}\n{"Order": "A2", "Amount": 1',
    '[{"Order": "A1", "Amount": 5}',
    "{'rows': [{'Order': 'A1', 'Amount': 5}, {'Order': 'A2', 'Amount': 12",
    'er": "A1", "Amount": 5}, {"Order": "A2", "Amount": 12}]}',
    '{"rows": [{"Order": "A1", "Amount": 5}, ...]}',
    '{"rows": [{"Order": "A1", "Amount": 5} // ... and 95 more rows\n]}',
    '{"rows": [{"Order": "A1", "Amount": 5}, /* 其余省略 */]}',
)


@pytest.mark.parametrize("text", CUT)
async def test_what_is_cut_off_is_asked_for_again(text: str) -> None:
    assert await rows_of(text) is None


THOUGHTS: Final = {
    f'<think>Columns are [order, amount]. Maybe {{"rows": []}}? No.</think>\n{ONE}': [A1],
    f"<think>A draft:\n```json\n{SECOND}\n```\n</think>\n```json\n{ONE}\n```": [A1],
    f"Maybe {SECOND}? No, other one. I close with {{ now.\n</think>\n\n{ONE}": [A1],
    f"<thinking>\nhm {SECOND}\n</thinking>{ONE}": [A1],
    f"<Reasoning effort='low'> {SECOND} </REASONING >{ONE}": [A1],
    f"◁think▷{SECOND}◁/think▷{ONE}": [A1],
    f"[THINK]{SECOND}[/THINK]{ONE}": [A1],
    f"<|begin_of_thought|>{SECOND}<|end_of_thought|>\n<|begin_of_solution|>{ONE}<|end_of_solution|>": [A1],
    f"<|START_THINKING|>{SECOND}<|END_THINKING|><|START_RESPONSE|>{ONE}<|END_RESPONSE|>": [A1],
    f"<seed:think>{SECOND}</seed:think>{ONE}": [A1],
    f"<think>use <think> tags {SECOND}</think>{ONE}": [A1],
    f"<think>then I write </think> and go on {SECOND}</think>{ONE}": [A1],
    f"<think>one</think>Here:\n<think>{SECOND}</think>{ONE}": [A1],
    f"&lt;think&gt;{SECOND}&lt;/think&gt;{ONE}": [A1],
    f"<思考>{SECOND}</思考>{ONE}": [A1],
    f"<analysis>{SECOND}</analysis>\n{ONE}": [A1],
    f"<unused94>thought\n{SECOND}<unused95>{ONE}": [A1],
    f"<|channel|>analysis<|message|>{SECOND}<|end|><|start|>assistant<|channel|>final<|message|>{ONE}<|return|>": [A1],
    f"{ONE}<think>Was that right? {SECOND} No, it was.</think>": [A1],
    f"<think> maybe {SECOND}": None,
    f"<think> maybe {SECOND}</think>": None,
    f"{SECOND}</think>": None,
    f"{ONE}\n<think>wait, there is another row": None,
    f"<|channel|>analysis<|message|>{SECOND}": None,
    '{"rows": [{"Order": "<think>x</think>", "Amount": 5}]}': [{"Order": "<think>x</think>", "Amount": 5}],
    "{'rows': [{'Order': '</think>y', 'Amount': 5}]}": None,
}


@pytest.mark.parametrize("text", THOUGHTS)
async def test_thoughts_are_no_answer(text: str) -> None:
    assert await rows_of(text) == THOUGHTS[text]


@pytest.mark.parametrize(
    "text",
    [
        "<|begin▁of▁thinking|>hm<|end▁of▁thinking|>Yes.",
        "<inner_thoughts>hm</inner_thoughts>Yes.",
        "<reasoning_content>hm</reasoning_content>\nYes.",
        "<Thought Process>hm</Thought Process>Yes.",
        "analysisWe need more. assistantfinalYes.",
    ],
)
def test_thoughts_are_taken_out_of_any_answer(text: str) -> None:
    assert without_thoughts(text) == "Yes."


def test_what_a_template_may_ask_for_is_no_thought() -> None:
    text = "<analysis>Two parties.</analysis>\n<reason>Clause 4.</reason>"

    assert without_thoughts(text) == text


def test_an_answer_without_thoughts_stays_as_it_is() -> None:
    for text in ("  two spaces\n", ONE, "a < b and `<think>` is a tag", '{"a": "</think>"}', ""):
        assert without_thoughts(text) == text


AMONG_WORDS: Final = {
    f"Columns are [order, amount]. Here: {ONE}\nDone {{ok}} [1]": [A1],
    f"For prices in [0, 5) and (0, 5] :] see [p. 3]:\n{ONE}": [A1],
    f"{SECOND}\nWait, it is order A2 with 13. Corrected:\n" + SECOND.replace("12", "13"): [
        {"Order": "A2", "Amount": 13}
    ],
    f"{ONE}\n更正: 金额应为 15\n" + ONE.replace("5", "15"): [{"Order": "A1", "Amount": 15}],
    f"{ONE}\nFinal answer:\n{TWO}": [A1, A2],
    f"{ONE}\nWait, I missed one:\n{SECOND}": None,
    f"{TWO}\nActually, better:\n{ONE}": None,
    f'Maybe {{"rows": []}}? No.\n{ONE}': [A1],
    f"{ONE}\nWait, that is wrong.": None,
    f"{ONE}\nI missed the last page.": None,
    f"{ONE}\nLet me know if anything should be corrected, or if you need more.": [A1],
    '{"reasoning": "Two [lines] {seen}", "rows": [{"Order": "A1", "Amount": 5}]}': [A1],
    '{"data": {"rows": [{"Order": "A1", "Amount": 5}], "total": 1}}': [A1],
    '{"rows": {"Order": "A1", "Amount": 5}}': [A1],
    '{"table": [{"Order": "A1", "Amount": 5}], "notes": ["x"]}': [A1],
    '"{\\"rows\\": [{\\"Order\\": \\"A1\\", \\"Amount\\": 5}]}"': [A1],
    f'{{"summary": "one row"}}\n{ONE}': [A1],
    f'For example {{"rows": [{{"Order": "string", "Amount": 0}}]}}.\n{ONE}': None,
    f"Reasoning: maybe {SECOND}\n\n{ONE}": None,
    f"For example, prices vary. This is the draft contract's table:\n```json\n{ONE}\n```": [A1],
    f"For example:\n```json\n{ONE}\n```": None,
    f"> {SECOND}\n\n{ONE}": None,
    f"```thinking\nmaybe {SECOND}\n```\n{ONE}": [A1],
    f"{ONE}\n(95 more rows follow the same pattern)": None,
    f"{ONE}\n(其余行省略)": None,
    f"{ONE}\nNo rows were omitted.": [A1],
    '{"rows": [{"Order": "A1", "Amount": 5}, {"Order": "...", "Amount": null}]}': None,
    'Row 1: {"Order": "A1", "Amount": 5}\nRow 2: {"Order": "A2", "Amount": 12}': [A1, A2],
    '{"rows": [{"Order": "\\beta", "Amount": 5}]}': None,
    '{"rows": []}': [],
    "[]": [],
    "I found nothing.": None,
    '{"rows": [{"Order": "A1", "Total": 5}]}': None,
    '{"rows": [{"Order": "A1", "Amount": 5, "Remark": "x"}]}': [A1],
    '{"rows": [{"Order": "A1"}]}': [{"Order": "A1", "Amount": None}],
}


@pytest.mark.parametrize("text", AMONG_WORDS)
async def test_the_table_is_found_among_words(text: str) -> None:
    assert await rows_of(text) == AMONG_WORDS[text]


MENDED: Final = {
    "{'rows': [{'Order': 'A1', 'Amount': 5,},]}": [A1],
    '{rows: [{Order: "A1", Amount: 5}]}': [A1],
    '{"rows": [{"Order": "A1", "Amount": 5} {"Order": "A2", "Amount": 12}]}': [A1, A2],
    '{"rows": [ // the orders\n{"Order": "A1", /* n */ "Amount": 5}, # done\n]}': [A1],
    "｛“rows”：［｛“Order”：“A1”，“Amount”：5｝］｝": [A1],
    "{'rows': [{'Order': 'A1', 'Amount': None}]}": [{"Order": "A1", "Amount": None}],
    '{"rows": [{"Order": "A1", "Amount": 1,250}, {"Order": "A2", "Amount": 1,250.50}]}': [
        {"Order": "A1", "Amount": 1250},
        {"Order": "A2", "Amount": 1250.5},
    ],
    '{"rows": [{"Order": 007, "Amount": 007}]}': [{"Order": "007", "Amount": 7}],
    '{"rows": [{"Order": "A\n1", "Amount": 5}]}': [{"Order": "A\n1", "Amount": 5}],
    '{"rows": [{"Order": "it\\\'s", "Amount": 5}]}': [{"Order": "it's", "Amount": 5}],
    '{"rows": [{"Order": "a\\_b", "Amount": 5}]}': None,
    "{'rows': [{'Order': '0<think>', 'Amount': 5}, {'Order': '</think>0', 'Amount': 6}]}": None,
    "{'rows': [{'Order': 'it's', 'Amount': 5}]}": [{"Order": "it's", "Amount": 5}],
    '{"rows": [{"Order": "he said "yes" to me", "Amount": 5}]}': [{"Order": 'he said "yes" to me', "Amount": 5}],
    '{"rows": [{"Order": "19" monitor", "Amount": 5}]}': [{"Order": '19" monitor', "Amount": 5}],
    '{"rows": [{"Order": NaN, "Amount": 5}]}': [{"Order": "NaN", "Amount": 5}],
    '{"rows": [{"Order": "A1", "Amount": NaN}]}': None,
    '{"rows": [{"Order": "girl, falling,"Amount": 3}, {"Order": "b", "Amount": 4}]}': None,
    '{"rows": [{"Order": "a", "Note": "girl, falling,"Amount": 3}]}': None,
    '{"rows": [{"Order": "x, "Amount": 3}]}': None,
    '{"rows": [{"Order": "x" "y", "Amount": 3}]}': None,
    '{"rows": [{"Order": "x" + "y", "Amount": 3}]}': None,
    '{"rows": [{"Order": A1, "Amount": 5}]}': None,
    '{"rows": [{"Order": "A1", "Amount": 1,25}]}': None,
    '{"rows": [{"Order": "A1", "Amount": 1.250,50}]}': None,
    '{"rows": [{"Order": "A1", "Amount": 5 000}]}': None,
    '{"rows": [{"Order": "A1", "Amount": 12%}]}': None,
    '{"rows": [{"Order": "A1", "Amount": 5}}]}': None,
    '{"rows": [{"Order": "C:\\path", "Amount": 5}]}': None,
    "{'rows': [{'Order': 'A1', 'Amount': 5, 'Remark': 'x'}]}": None,
    '{"rows": [{"Order": "A1", "Amount": undefined}]}': None,
    '{"rows": [{"Order": "A1",, "Amount": 5}]}': None,
}


@pytest.mark.parametrize("text", MENDED)
async def test_what_has_one_meaning_is_mended_and_nothing_else(text: str) -> None:
    table = await table_of(text)

    assert (None if table.problems else [dict(row) for row in table.rows]) == MENDED[text]
    assert table.problems or table.repaired


async def test_what_the_answer_said_is_kept_beside_each_mended_value() -> None:
    table = await table_of('{"rows": [{"Order": "A1", "Amount": 5}, {"Order": "a "b" c", "Amount": 1,250}]}\n')

    assert table.mended == (MendedValue(1, "Order", '"a "b" c"'), MendedValue(1, "Amount", "1,250"))


async def test_mended_values_of_later_documents_are_found_in_the_joined_table() -> None:
    table = await table_of('{"Order": "A1", "Amount": 5}\n{"Order": "A2", "Amount": 1,250}')

    assert table.mended == (MendedValue(1, "Amount", "1,250"),)


async def test_a_text_column_keeps_a_number_as_it_was_written() -> None:
    rows = await rows_of('{"rows": [{"Order": 1.10, "Amount": 1.10}, {"Order": 12345678901234567890, "Amount": 1e2}]}')

    assert rows == [{"Order": "1.10", "Amount": 1.1}, {"Order": "12345678901234567890", "Amount": 100}]
