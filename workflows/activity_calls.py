"""Starts each activity with its task queue, timeouts and retry policy."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityHandle

from activities.batches import FEED_FOR, BatchActivities
from activities.ending import EndingActivities
from activities.generation import GenerationActivities
from activities.migration import MigrationActivities
from activities.polling import PollingActivities
from activities.submission import SubmissionActivities
from activities.webhooks import WebhookActivities
from aijobs.domain.jobs.activity_io import EndInput, MigrationInput, PollInput, PollResult, StageInput, SubmittedJob
from aijobs.domain.jobs.batches.batch import BatchLook
from aijobs.domain.jobs.job import JobBrief, JobState
from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.domain.lifecycle import JobStatus
from workflows.task_queues import MIGRATION, PROVIDERS, WEBHOOKS, WORKFLOWS

CALL_TIMEOUT: Final = timedelta(minutes=2)
"""For one call to a provider, with its database work."""

HEARTBEAT: Final = timedelta(seconds=10)
"""After this long without a heartbeat, Temporal gives the work to another worker."""

FEED_TIMEOUT: Final = 2 * FEED_FOR
"""Beyond what one activity feeds a batch for."""

GENERATE_TIMEOUT: Final = timedelta(hours=24)
CANCEL_TIMEOUT: Final = timedelta(seconds=30)
"""How long a job that ends waits for its provider's answer to a cancel."""

RETRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
"""For failures on our side or a provider's. An error with its own `next_retry_delay` overrides it."""

CANCEL_RETRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=5))
RECORD_RETRIES: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
"""Recording how a job ended is retried until it succeeds."""

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def submit(brief: JobBrief, *, within: timedelta) -> ActivityHandle[SubmittedJob]:
    return workflow.start_activity_method(
        SubmissionActivities.submit,
        brief,
        task_queue=PROVIDERS,
        start_to_close_timeout=CALL_TIMEOUT,
        schedule_to_close_timeout=within,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def watch(poll_input: PollInput, *, within: timedelta | None) -> ActivityHandle[PollResult]:
    """Without `within`, the caller watches the time."""
    return workflow.start_activity_method(
        PollingActivities.watch,
        poll_input,
        task_queue=PROVIDERS,
        start_to_close_timeout=CALL_TIMEOUT,
        schedule_to_close_timeout=within,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
        cancellation_type=ActivityCancellationType.TRY_CANCEL,
    )


def watch_late(brief: JobBrief, *, within: timedelta) -> ActivityHandle[JobStatus]:
    return workflow.start_activity_method(
        PollingActivities.watch_late,
        brief.model_copy(update={"poll": brief.poll.slower()}),
        task_queue=PROVIDERS,
        start_to_close_timeout=CALL_TIMEOUT,
        schedule_to_close_timeout=within,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
    )


def begin_generating(brief: JobBrief, *, within: timedelta) -> ActivityHandle[int]:
    return _generating(GenerationActivities.begin_generating, brief, within=within)


def generate_stage(stage_input: StageInput, *, within: timedelta) -> ActivityHandle[None]:
    summary = f"stage {stage_input.stage} of {stage_input.stages}"
    return _generating(GenerationActivities.generate_stage, stage_input, within=within, summary=summary)


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
        start_to_close_timeout=GENERATE_TIMEOUT,
        schedule_to_close_timeout=within,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
    )


def migrate(migration: MigrationInput, *, within: timedelta) -> ActivityHandle[JobState]:
    return workflow.start_activity_method(
        MigrationActivities.migrate,
        migration,
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


def end(end_input: EndInput) -> ActivityHandle[JobState]:
    return workflow.start_activity_method(
        EndingActivities.end,
        end_input,
        task_queue=MIGRATION,
        start_to_close_timeout=CALL_TIMEOUT,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RECORD_RETRIES,
    )


def ask_to_be_canceled(reason: str) -> ActivityHandle[None]:
    return workflow.start_activity_method(
        EndingActivities.ask_to_be_canceled,
        reason,
        task_queue=MIGRATION,
        start_to_close_timeout=CALL_TIMEOUT,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RECORD_RETRIES,
    )


def feed_batch(code: str) -> ActivityHandle[BatchLook]:
    """On the queue of workflows: those of the steps of jobs are for jobs."""
    return workflow.start_activity_method(
        BatchActivities.feed,
        code,
        task_queue=WORKFLOWS,
        start_to_close_timeout=FEED_TIMEOUT,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RECORD_RETRIES,
    )


def deliver(code: str) -> ActivityHandle[str]:
    return workflow.start_activity_method(
        WebhookActivities.deliver,
        code,
        task_queue=WEBHOOKS,
        start_to_close_timeout=CALL_TIMEOUT,
        heartbeat_timeout=HEARTBEAT,
        retry_policy=RETRIES,
    )
