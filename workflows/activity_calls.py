"""The verbs of a job's story, each bound to its activity with its own, named patience."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityHandle

from activities.ending import EndingActivities
from activities.generation import GenerationActivities
from activities.migration import MigrationActivities
from activities.polling import PollingActivities
from activities.submission import SubmissionActivities
from activities.webhooks import WebhookActivities
from aijobs.domain.jobs.activity_io import EndInput, PollInput, PollResult, StageInput
from aijobs.domain.jobs.job import JobBrief, JobState
from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.domain.lifecycle import JobStatus
from workflows.task_queues import MIGRATION, PROVIDERS, WEBHOOKS

ONE_CALL: Final = timedelta(minutes=2)
"""The longest that one call to a provider, with its database work, may take."""

HEARTBEAT: Final = timedelta(seconds=10)
"""Longer than this without a sign of life, and the work is given to another worker."""

GENERATE_AT_MOST: Final = timedelta(hours=24)
CANCEL_TIMEOUT: Final = timedelta(seconds=30)
"""How long a job that ends waits for its provider's answer to a cancel."""

RETRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
"""Where our own side fails, or a provider's. An error that knows better says itself when the next try comes."""

CANCEL_RETRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=5))
RECORD_RETRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
"""Writing down how a job ended is tried until it works."""

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def submit(brief: JobBrief, *, within: timedelta) -> ActivityHandle[JobState]:
    return workflow.start_activity_method(
        SubmissionActivities.submit,
        brief,
        task_queue=PROVIDERS,
        start_to_close_timeout=ONE_CALL,
        schedule_to_close_timeout=within,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def watch(question: PollInput) -> ActivityHandle[PollResult]:
    return workflow.start_activity_method(
        PollingActivities.watch,
        question,
        task_queue=PROVIDERS,
        start_to_close_timeout=ONE_CALL,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
        cancellation_type=ActivityCancellationType.TRY_CANCEL,
    )


def watch_late(brief: JobBrief, *, within: timedelta) -> ActivityHandle[JobStatus]:
    return workflow.start_activity_method(
        PollingActivities.watch_late,
        brief.model_copy(update={"poll": brief.poll.slower()}),
        task_queue=PROVIDERS,
        start_to_close_timeout=ONE_CALL,
        schedule_to_close_timeout=within,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
    )


def begin_generating(brief: JobBrief, *, within: timedelta) -> ActivityHandle[int]:
    return _generating(GenerationActivities.begin_generating, brief, within=within)


def generate_stage(order: StageInput, *, within: timedelta) -> ActivityHandle[None]:
    summary = f"stage {order.stage} of {order.stages}"
    return _generating(GenerationActivities.generate_stage, order, within=within, summary=summary)


def finish_generating(brief: JobBrief, *, within: timedelta) -> ActivityHandle[JobState]:
    return _generating(GenerationActivities.finish_generating, brief, within=within)


def _generating(
    step: Callable[[GenerationActivities, Argument], Awaitable[Result]],
    argument: Argument,
    *,
    within: timedelta,
    summary: str | None = None,
) -> ActivityHandle[Result]:
    return workflow.start_activity_method(
        step,
        argument,
        task_queue=PROVIDERS,
        start_to_close_timeout=GENERATE_AT_MOST,
        schedule_to_close_timeout=within,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
    )


def migrate(brief: JobBrief, *, within: timedelta) -> ActivityHandle[JobState]:
    return workflow.start_activity_method(
        MigrationActivities.migrate,
        brief,
        task_queue=MIGRATION,
        schedule_to_close_timeout=within,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def cancel_at_provider(brief: JobBrief) -> ActivityHandle[CancelOutcome | None]:
    return workflow.start_activity_method(
        EndingActivities.cancel_at_provider,
        brief,
        task_queue=PROVIDERS,
        start_to_close_timeout=CANCEL_TIMEOUT,
        schedule_to_close_timeout=CANCEL_TIMEOUT,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=CANCEL_RETRIES,
    )


def end(verdict: EndInput) -> ActivityHandle[JobState]:
    return workflow.start_activity_method(
        EndingActivities.end,
        verdict,
        task_queue=MIGRATION,
        start_to_close_timeout=ONE_CALL,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RECORD_RETRIES,
    )


def ask_to_be_canceled(reason: str) -> ActivityHandle[None]:
    return workflow.start_activity_method(
        EndingActivities.ask_to_be_canceled,
        reason,
        task_queue=MIGRATION,
        start_to_close_timeout=ONE_CALL,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RECORD_RETRIES,
    )


def deliver(code: str) -> ActivityHandle[str]:
    return workflow.start_activity_method(
        WebhookActivities.deliver,
        code,
        task_queue=WEBHOOKS,
        start_to_close_timeout=ONE_CALL,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
    )
