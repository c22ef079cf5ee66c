"""The search attributes of a job, for the Web UI and `temporal workflow list --query`."""

import json
from typing import Final

from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)

from aijobs.domain.jobs.job import JobBrief, JobState

STATUS: Final = SearchAttributeKey.for_keyword("JobStatus")
USER: Final = SearchAttributeKey.for_keyword("JobUser")
MODEL: Final = SearchAttributeKey.for_keyword("JobModel")
PROVIDER: Final = SearchAttributeKey.for_keyword("JobProvider")
PROGRESS: Final = SearchAttributeKey.for_float("JobProgress")

ALL_ATTRIBUTES: Final = (STATUS, USER, MODEL, PROVIDER, PROGRESS)

MAX_BYTES: Final = 2048
"""Of a value, written as JSON in ASCII, in which a character may take twelve: a longer one is refused by Temporal."""


def at_start(brief: JobBrief) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(STATUS, brief.job_status.name),
            SearchAttributePair(USER, _fitting(brief.user_id)),
            SearchAttributePair(MODEL, brief.model_id),
            SearchAttributePair(PROVIDER, brief.provider),
            SearchAttributePair(PROGRESS, 0.0),
        ]
    )


def of(state: JobState) -> list[SearchAttributeUpdate]:  # type: ignore[type-arg]
    return [STATUS.value_set(state.job_status_name), PROGRESS.value_set(state.overall_progress)]


def _fitting(text: str) -> str:
    """The text, or as much of its beginning as Temporal takes."""
    while len(json.dumps(text)) > MAX_BYTES:
        text = text[:-1]
    return text
