"""Figures of what activities do, on Temporal's own meter: a worker's Prometheus endpoint shows them beside the SDK's.

Labels are bounded: providers, outcomes and models. No user, text or secret is a label.
"""

from datetime import UTC, datetime
from typing import Any, Final

from temporalio import activity
from temporalio.common import MetricMeter
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from aijobs.domain.jobs.activity_io import PollInput, PollResult
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.polling import NO_NEWS, NOT_DUE
from aijobs.domain.jobs.submissions import SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.webhooks import WebhookMessage, WebhookReply

POLLS: Final = "aijobs_polls"
WATCHED: Final = "aijobs_jobs_watched"
SUBMISSIONS: Final = "aijobs_submissions"
DETECTION_LAG: Final = "aijobs_detection_lag_seconds"
MIGRATION_SECONDS: Final = "aijobs_migration_seconds"
MIGRATED_BYTES: Final = "aijobs_migrated_bytes"
STEP_FAILURES: Final = "aijobs_step_failures"
WEBHOOKS: Final = "aijobs_webhooks"
WEBHOOK_LAG: Final = "aijobs_webhook_lag_seconds"
REPAIRED_AT: Final = "aijobs_repair_last_run_timestamp_seconds"


class ActivityMetrics(Interceptor):
    """Counts polls, by whether they brought news. The rest is told by activities, with the functions below."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _CountingPolls(next)


class _CountingPolls(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        poll_input = input.args[0] if input.args else None
        if not isinstance(poll_input, PollInput):
            return await super().execute_activity(input)
        provider = poll_input.brief.provider
        try:
            result = await super().execute_activity(input)
        except ApplicationError as error:
            if error.type != NOT_DUE:
                count_poll(provider, "no" if error.type == NO_NEWS else "error")
            raise
        count_poll(provider, "yes")
        if isinstance(result, PollResult) and _has_ended(result):
            _meter().create_counter(WATCHED, "Jobs whose provider has ended its work.").add(1, {"provider": provider})
        return result


def count_poll(provider: str, news: str) -> None:
    """A question to a provider. `news` is "yes", "no", or "error" when there was no answer."""
    _meter().create_counter(POLLS, "Questions to a provider.").add(1, {"provider": provider, "news": news})


def count_submission(provider: str, outcome: SubmitOutcome) -> None:
    """What came of a request that was sent, or was not."""
    labels = {"provider": provider, "outcome": type(outcome).__name__.lower()}
    _meter().create_counter(SUBMISSIONS, "Requests to make something.").add(1, labels)


def detected(provider: str, finished_at: datetime | None) -> None:
    """A provider says when its work was finished, and we know it now."""
    if finished_at is None:
        return
    lag = max((datetime.now(UTC) - finished_at).total_seconds(), 0.0)
    histogram = _meter().create_histogram_float(DETECTION_LAG, "From a provider's end of its work until we know of it.")
    histogram.record(lag, {"provider": provider})


def count_migrated(kind: OutputKind, size: int, *, seconds: float) -> None:
    """An output has arrived in our store, with so many bytes, so long after it was asked for."""
    _meter().create_counter(MIGRATED_BYTES, "Bytes of outputs that were moved into the store.").add(size)
    histogram = _meter().create_histogram_float(MIGRATION_SECONDS, "From asking for an output until it is stored.")
    histogram.record(seconds, {"kind": kind})


def count_webhook(message: WebhookMessage, reply: WebhookReply) -> None:
    """A receiver has answered, or has not."""
    result = "taken" if reply.is_taken else "gone" if reply.is_gone else "failed"
    labels = {"direction": "out", "result": result}
    _meter().create_counter(WEBHOOKS, "Webhooks, by what came of them.").add(1, labels)
    if reply.is_taken:
        lag = max((datetime.now(UTC) - message.created_at).total_seconds(), 0.0)
        _meter().create_histogram_float(WEBHOOK_LAG, "From an event until its webhook is taken.").record(
            lag, {"direction": "out"}
        )


def count_step_failure(step: str, code: str) -> None:
    """A step of a job has failed with an error of ours, and is tried again where that may help."""
    _meter().create_counter(STEP_FAILURES, "Steps that failed, by the error's code.").add(
        1, {"step": step, "error": code}
    )


def note_repair() -> None:
    """Repair has run to its end."""
    gauge = _meter().create_gauge_float(REPAIRED_AT, "When repair last ran to its end.")
    gauge.set(datetime.now(UTC).timestamp())


def _has_ended(result: PollResult) -> bool:
    """Whether the provider is not asked any more."""
    return not result.resubmit and not result.job_status.is_before(JobStatus.GENERATED)


def _meter() -> MetricMeter:
    """That of the activity under way. Outside of one there is nobody to tell."""
    return activity.metric_meter() if activity.in_activity() else MetricMeter.noop
