"""Strange answers of the sandbox's model through the whole product: the table as it is, and nothing paid twice."""

from typing import Any, Final

import pytest

from sandbox.faults.catalogue import ANSWER_FRAMINGS, ANSWER_STYLES, CATALOGUE, FIELDS, Fault
from sandbox.vendors.chat.answer_styles import STYLES
from sandbox.vendors.chat.framings import ERRORS, FRAMINGS, REFUSALS
from tests.generators.conftest import DocumentJobs
from tests.generators.test_document import ALL_STAGES, error_of, rows_of

ORDERS: Final = (
    "| 合同编号 | 签订日期 | 合同金额 |\n|---|---|---|\n| HT-1 | 2026-01-02 | 1250.5 |\n| HT-2 | 2026-02-03 | 12000 |\n"
)
ROWS: Final = [
    {"合同编号": "HT-1", "签订日期": "2026-01-02", "合同金额": 1250.5},
    {"合同编号": "HT-2", "签订日期": "2026-02-03", "合同金额": 12000},
]
ASKED_AGAIN: Final = {"duplicate_key", "cut", "addition", "doubt", "elision", "invented_key"}
LOST: Final = {"thoughts_without_end"}


async def started(study: DocumentJobs) -> Any:
    study.sandbox.pace(queue_seconds=0, work_seconds=0)
    return await study.start(ORDERS.encode())


@pytest.mark.parametrize("style", sorted({*ANSWER_STYLES} - {"first_row_missing"}))
async def test_a_table_in_any_style_is_what_the_document_says(study: DocumentJobs, style: str) -> None:
    study.sandbox.misbehave("answer_written_as", arg=style, times=3)
    job = await started(study)
    await job.result()

    calls = await study.calls(job.id)
    assert await rows_of(study, job.id) == ROWS
    assert calls == [*ALL_STAGES, *(["4"] if style in ASKED_AGAIN else []), *(["3"] if style in LOST else [])]


@pytest.mark.parametrize("framing", sorted({*ANSWER_FRAMINGS} - {"done_only", "thoughts_only", "finish_error"}))
async def test_an_answer_in_any_framing_is_paid_once(study: DocumentJobs, framing: str) -> None:
    study.sandbox.misbehave("answer_framed_as", arg=framing, times=0)
    job = await started(study)
    await job.result()

    assert await rows_of(study, job.id) == ROWS
    assert await study.calls(job.id) == ALL_STAGES


@pytest.mark.parametrize("framing", ["done_only", "thoughts_only", "finish_error"])
async def test_an_answer_that_is_none_is_asked_for_again_and_never_said_back(study: DocumentJobs, framing: str) -> None:
    study.sandbox.misbehave("answer_framed_as", arg=framing)
    job = await started(study)
    await job.result()

    assert await rows_of(study, job.id) == ROWS
    assert await study.calls(job.id) == ["1", *ALL_STAGES]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ("too_long", "provider_failed", "maximum context length is 32768"),
        ("no_credit", "provider_failed", "no credit"),
        ("minimax_balance", "provider_failed", "no credit"),
        ("web_page", "provider_failed", "AIJOBS_CHAT__BASE_URL"),
    ],
)
async def test_an_error_in_an_answer_ends_the_job_at_once(
    study: DocumentJobs, error: str, code: str, words: str
) -> None:
    study.sandbox.misbehave("answer_error", arg=error, times=0)
    job = await started(study)

    told = await error_of(study, job)

    assert told["code"] == code
    assert words in told["message"]
    assert await study.calls(job.id) == ["1"]


async def test_a_limit_in_an_answer_is_waited_for_and_counts_as_no_loss(study: DocumentJobs) -> None:
    study.sandbox.misbehave("answer_error", arg="rate_limit", times=5)
    job = await started(study)
    await job.result()

    assert await rows_of(study, job.id) == ROWS


@pytest.mark.parametrize("field", ["stream_options", "response_format", "json_schema"])
async def test_a_field_that_is_refused_costs_nothing(study: DocumentJobs, field: str) -> None:
    study.sandbox.misbehave("refuses_field", arg=field, times=0)
    job = await started(study)
    await job.result()

    assert await rows_of(study, job.id) == ROWS
    assert await study.calls(job.id) == ALL_STAGES


@pytest.mark.parametrize("word", ["end_turn", "eos", "flamingo"])
async def test_other_words_for_an_end_are_understood(study: DocumentJobs, word: str) -> None:
    study.sandbox.misbehave("finish_word", arg=word, times=0)
    job = await started(study)
    await job.result()

    assert await rows_of(study, job.id) == ROWS
    assert await study.calls(job.id) == ALL_STAGES


def test_the_catalogue_names_every_way() -> None:
    assert {*ANSWER_STYLES} == {*STYLES}
    assert {*ANSWER_FRAMINGS} == {*FRAMINGS}
    assert {*FIELDS} == {*REFUSALS}
    assert {*CATALOGUE[Fault.ANSWER_ERROR].choices} == {*ERRORS}
