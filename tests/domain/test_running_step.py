"""The words with which a question to a provider ends are read back by the dashboard."""

from dataclasses import replace

import pytest

from aijobs.domain.jobs.polling import NO_NEWS, NOT_DUE
from aijobs.domain.jobs.running_step import Answer, RunningStep, answer_in, no_news, not_believed, searched
from aijobs.domain.jobs.submissions import Search
from aijobs.domain.lifecycle import JobStatus

STEP = RunningStep(
    name="watch", attempt=3, is_running=False, next_at=None, ended_at=None, ended_with="QUEUED", kind=NO_NEWS
)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (no_news(JobStatus.QUEUED, ahead=3, unit=None), Answer(status=JobStatus.QUEUED, ahead=3)),
        (no_news(JobStatus.PROCESSING, ahead=None, unit=42.4), Answer(status=JobStatus.PROCESSING, unit=42)),
        (no_news(JobStatus.PROCESSING, ahead=0, unit=0), Answer(status=JobStatus.PROCESSING, ahead=0, unit=0)),
        (not_believed(JobStatus.FAILED), Answer(status=JobStatus.FAILED, is_doubted=True)),
        (searched(Search.NOT_YET), Answer(searched=Search.NOT_YET)),
        ("submission outcome unknown, searched: everywhere", None),
        ("WAITING, 3 in line", None),
        ("not due yet", None),
        ("", None),
    ],
)
def test_what_was_said_is_understood_and_nothing_else(words: str, answer: Answer | None) -> None:
    assert answer_in(words) == answer


def test_an_error_is_told_from_a_question_without_news() -> None:
    assert (STEP.answer, STEP.error) == (Answer(status=JobStatus.QUEUED), None)

    failed = replace(STEP, kind="provider_unavailable", ended_with="provider_unavailable")
    assert (failed.answer, failed.error) == (None, "provider_unavailable")

    early = replace(STEP, kind=NOT_DUE, ended_with="not due yet")
    assert (early.answer, early.error) == (None, None)
