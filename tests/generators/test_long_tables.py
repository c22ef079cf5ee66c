"""Tables that are longer than one answer of the model."""

from pathlib import Path
from typing import Final

import pytest

from aijobs.generators.answers.documents import NotJson
from aijobs.generators.answers.portions import as_table, joined, repeated_of, whole_rows
from cli.embedded.temporal_server import TemporalServer
from sandbox.server import RunningSandbox
from tests.generators.conftest import opened_study
from tests.generators.test_document import error_of, rows_of

COUNT: Final = 40
LINES: Final = "".join(f"| HT-{number} | 2026-01-02 | {number}.5 |\n" for number in range(COUNT))
DOCUMENT: Final = f"| 合同编号 | 签订日期 | 合同金额 |\n|---|---|---|\n{LINES}"


async def test_a_long_table_is_asked_for_in_portions(
    temporal: TemporalServer, model: RunningSandbox, tmp_path: Path
) -> None:
    await model.reset()
    async with opened_study(temporal, model, tmp_path, max_output_tokens=250) as study:
        job = await study.start(DOCUMENT.encode())
        await job.result()

        rows = await rows_of(study, job.id)
        calls = await study.calls(job.id)

    assert [row["合同编号"] for row in rows] == [f"HT-{number}" for number in range(COUNT)]
    assert [row["合同金额"] for row in rows] == [number + 0.5 for number in range(COUNT)]
    assert calls[:3] == ["1", "2", "3"]
    assert len(calls) > 4
    assert len(set(calls)) == len(calls)


@pytest.mark.parametrize(("times", "is_kept"), [(4, True), (0, False)])
async def test_a_continuation_that_begins_elsewhere_is_asked_for_once_more(
    temporal: TemporalServer, model: RunningSandbox, tmp_path: Path, *, times: int, is_kept: bool
) -> None:
    """Without its first row the model begins a row too late: a row would be missing."""
    await model.reset()
    async with opened_study(temporal, model, tmp_path, max_output_tokens=250) as study:
        study.sandbox.misbehave("answer_written_as", arg="first_row_missing", times=times)
        job = await study.start(DOCUMENT.encode())
        if is_kept:
            await job.result()
            assert [row["合同编号"] for row in await rows_of(study, job.id)] == [f"HT-{n}" for n in range(1, COUNT)]
        else:
            assert (await error_of(study, job))["code"] == "answer_unusable"


def test_whole_rows_are_kept_as_they_are_written() -> None:
    cut = '<think>[{"a": 9}]</think>{"rows": [{"a": 1.10}, {"a": "}"},\n {"a": 3'

    assert whole_rows(cut) == ['{"a": 1.10}', '{"a": "}"}']
    assert whole_rows("nothing") == whole_rows('{"rows": [{"a": 1, "a": 2}]}') == []


def numbered(*numbers: int) -> list[str]:
    return [f'{{"a": {number}}}' for number in numbers]


def test_as_many_rows_are_repeated_as_there_is_room_for() -> None:
    assert [repeated_of(numbered(*range(count))) for count in (1, 5, 6, 9, 90)] == [1, 1, 2, 3, 3]


def test_portions_meet_in_rows_that_both_have() -> None:
    assert as_table(joined(numbered(1, 2), ['{"a":2}', '{"a": 3}'])) == '{"rows": [{"a": 1}, {"a": 2}, {"a": 3}]}'
    assert joined(numbered(*range(9)), numbered(6, 7, 8, 9), 3) == numbered(*range(10))


@pytest.mark.parametrize("portion", [[], [3], [1, 2], [8, 9], [6, 7], [6, 8, 7, 9], [0, 1, 2]])
def test_portions_that_do_not_meet_are_refused(portion: list[int]) -> None:
    with pytest.raises(NotJson, match="does not begin"):
        joined(numbered(*range(9)), numbered(*portion), 3)


async def test_a_model_that_goes_back_is_noticed(
    temporal: TemporalServer, model: RunningSandbox, tmp_path: Path
) -> None:
    """Of equal rows it takes up the first: the rows behind that come again."""
    await model.reset()
    again = DOCUMENT + LINES + LINES
    async with opened_study(temporal, model, tmp_path, max_output_tokens=1_500) as study:
        job = await study.start(again.encode())
        error = await error_of(study, job)

    assert error["code"] == "answer_unusable"
    assert "It gives a row that has come already" in error["message"]
