"""The search attributes of a job, for the Web UI and `temporal workflow list --query`."""

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


def at_start(brief: JobBrief) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(STATUS, brief.job_status.name),
            SearchAttributePair(USER, brief.user_id),
            SearchAttributePair(MODEL, brief.model_id),
            SearchAttributePair(PROVIDER, brief.provider),
            SearchAttributePair(PROGRESS, 0.0),
        ]
    )


def of(state: JobState) -> list[SearchAttributeUpdate]:  # type: ignore[type-arg]
    return [STATUS.value_set(state.job_status_name), PROGRESS.value_set(state.overall_progress)]
