"""Polls a provider until a job's status or visible progress has changed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.learned_times import LearnedTimes
from activities.lost_submissions import look_for
from activities.metrics import detected
from activities.poll_timing import PollTiming, ProgressGuess
from activities.submission import provider_of
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import (
    CancelRequested,
    DeadlinePassed,
    JobIsFinal,
    SubmissionForgotten,
    SubmissionLost,
    SubmissionVoided,
)
from aijobs.domain.jobs.activity_io import PollInput, PollResult
from aijobs.domain.jobs.generation_times import GenerationTimes
from aijobs.domain.jobs.job import JobBrief, JobError, JobState, Stage
from aijobs.domain.jobs.poll_schedule import schedule_of
from aijobs.domain.jobs.polling import NO_NEWS, NOT_DUE
from aijobs.domain.jobs.running_step import no_news, not_believed, searched
from aijobs.domain.jobs.submissions import (
    Accepted,
    Found,
    Outcome,
    Ref,
    Rejected,
    Search,
    Submission,
    credential_in,
    fallback_in,
)
from aijobs.domain.lifecycle import JobStatus, require_unfinished
from aijobs.domain.ports.jobs import JobGate, JobQueries, LateOutcomes
from aijobs.domain.ports.providers import Provider
from aijobs.domain.ports.submissions import SubmissionLog
from aijobs.domain.provider_io import Snapshot
from aijobs.domain.values.money import Cost, PriceUnit
from aijobs.domain.values.shielded import shielded

VISIBLE_STEP = 10
"""Steps of unit progress, in percent, that the workflow receives. The event log has smaller steps."""

GUESSED_STEP: Final = 20.0
"""Steps of an estimated progress, in percent."""

MOST_RECORDED: Final = 10_000
"""Jobs whose last progress a process remembers; of others it is written once more, which changes nothing."""


class PollingActivities:
    """Polls providers for the status of jobs."""

    def __init__(
        self,
        submissions: SubmissionLog,
        queries: JobQueries,
        gate: JobGate,
        late_outcomes: LateOutcomes,
        catalogue: Catalogue,
        providers: Mapping[str, Provider],
        learned: LearnedTimes,
    ) -> None:
        self._submissions = submissions
        self._queries = queries
        self._gate = gate
        self._late_outcomes = late_outcomes
        self._catalogue = catalogue
        self._providers = providers
        self._learned = learned
        self._recorded: dict[str, tuple[JobStatus, float]] = {}  #: by job, oldest first

    @activity.defn
    async def watch(self, poll_input: PollInput) -> PollResult:
        """Return when something has changed. Otherwise raises a retryable error: Temporal then waits until the next
        poll, and no worker slot is occupied.

        With a reference in `poll_input`, a poll without news touches no database. Without one, the workflow has not
        submitted the job itself, or the outcome was unknown: then the job and its submission are looked up first.
        Raises JobIsFinal when the job has ended in another way.
        """
        try:
            return await self._polled(poll_input)
        except SubmissionVoided:
            unit = poll_input.unit_progress
            return PollResult(job_status=poll_input.job_status, unit_progress=unit, resubmit=True)

    async def _polled(self, poll_input: PollInput) -> PollResult:
        if poll_input.ref is None and activity.info().attempt == 1:
            _require_unfinished(await self._queries.state(poll_input.brief.code))
        ref, submitted_at = poll_input.ref, poll_input.submitted_at
        if ref is None:
            ref, intent_at = await self._ref(poll_input, may_resend=True)
            submitted_at = submitted_at or intent_at
        model = await self._catalogue.find(poll_input.brief.model_id)
        times = await self._learned.times(*_class_of(poll_input.brief)) if submitted_at else GenerationTimes()
        schedule = schedule_of(times, model.learning, poll_input.brief.poll)
        timing = PollTiming.of(poll_input, submitted_at)
        if schedule and (left := timing.until_due(schedule, reports_progress=poll_input.unit_progress is not None)):
            raise _polled_again("not due yet", left, kind=NOT_DUE)
        snapshot = await provider_of(self._providers, poll_input.brief.provider, credential_in(ref)).query(ref)
        if snapshot.final:
            finished = await self._finished(poll_input, ref, snapshot)
            if submitted_at and finished.job_status is JobStatus.GENERATED and not fallback_in(ref):
                await self._learned.ended(*_class_of(poll_input.brief), timing.earliest_end(schedule), timing.now)
            return finished
        if not snapshot.definite:
            raise _nothing_new(poll_input, not_believed(snapshot.status), snapshot.poll_after)
        if news := await self._working(poll_input, snapshot, timing.guess(times)):
            return news.model_copy(update={"ref": ref, "submitted_at": submitted_at})
        wait = timing.wait(schedule, reports_progress=snapshot.unit_progress is not None, at_least=snapshot.poll_after)
        raise _polled_again(_describe(snapshot), wait)

    @activity.defn
    async def watch_late(self, brief: JobBrief) -> JobStatus:
        """As `watch`, for a job that has ended: returns the provider's final status and settles the held points."""
        poll_input = PollInput(brief=brief, job_status=JobStatus.QUEUED, unit_progress=None)
        try:
            ref, _ = await self._ref(poll_input)
            snapshot = await provider_of(self._providers, brief.provider, credential_in(ref)).query(ref)
        except SubmissionLost:
            await self._late_outcomes.record(brief.code, JobStatus.FAILED, {})
            return JobStatus.FAILED
        if not snapshot.final:
            raise _nothing_new(poll_input, _describe(snapshot), snapshot.poll_after)
        cost = await self._cost(brief, ref, snapshot)
        await self._late_outcomes.record(brief.code, snapshot.status, snapshot.raw, cost=cost)
        return snapshot.status

    async def _finished(self, poll_input: PollInput, ref: Ref, snapshot: Snapshot) -> PollResult:
        if snapshot.nothing_made and await self._may_be_sent_once_more(poll_input, ref, snapshot):
            raise SubmissionVoided("The provider has made nothing of the request. It is sent once more.")
        code, cost = poll_input.brief.code, await self._cost(poll_input.brief, ref, snapshot)
        if snapshot.status is JobStatus.GENERATED:
            detail = _charge_of(snapshot)
            _require_unfinished(
                await self._gate.advance(code, JobStatus.GENERATED, detail=detail, response=snapshot.raw, cost=cost)
            )
            detected(poll_input.brief.provider, snapshot.finished_at)
            return PollResult(job_status=JobStatus.GENERATED)
        error = snapshot.error or _unexplained_failure(snapshot)
        await self._gate.keep_response(code, snapshot.raw, cost=cost, error=error)
        if charge := _charge_of(snapshot):
            await self._gate.note(code, charge)
        return PollResult(job_status=snapshot.status, error=error.without_words)

    async def _cost(self, brief: JobBrief, ref: Ref, snapshot: Snapshot) -> Cost | None:
        """By the vendor's bill; else, of a finished job, by the price of each. What is by output is known later."""
        price = (await self._catalogue.find(fallback_in(ref) or brief.model_id)).vendor_price
        if snapshot.charge is not None and (cost := snapshot.charge.cost(price)):
            return cost
        if price is None or price.unit is not PriceUnit.JOB or snapshot.status is not JobStatus.GENERATED:
            return None
        return price.times(Decimal(1))

    async def _may_be_sent_once_more(self, poll_input: PollInput, ref: Ref, snapshot: Snapshot) -> bool:
        """Void what came to nothing, where the catalogue allows it and the vendor charges nothing."""
        model = await self._catalogue.find(poll_input.brief.model_id)
        if not model.resubmit or (snapshot.charge is not None and snapshot.charge.amount > 0):
            return False
        submission = await self._submissions.last_submission(poll_input.brief.code)
        if submission is None or submission.ref is None or submission.ref["id"] != ref["id"]:
            return submission is not None  # it was sent once more already, by another try of this step
        error = snapshot.error or _unexplained_failure(snapshot)
        await self._gate.keep_response(poll_input.brief.code, snapshot.raw)
        return await self._submissions.void(submission, error.message)

    async def _working(
        self, poll_input: PollInput, snapshot: Snapshot, guess: ProgressGuess | None
    ) -> PollResult | None:
        """None: nothing new."""
        code = poll_input.brief.code
        is_further = poll_input.job_status.is_before(snapshot.status)
        status = snapshot.status if is_further else poll_input.job_status  # a provider's step back is ignored
        foretold = guess.detail if guess else {}
        if is_further:
            detail = {"raw_status": snapshot.raw_status, **foretold}
            _require_unfinished(await self._gate.advance(code, status, detail=detail))
        unit = await self._unit(poll_input, snapshot)
        if unit is not None and status is snapshot.status:
            await self._record_progress(code, status, unit)
        elif guess and unit is None and not is_further:
            await self._record_guess(poll_input.brief, status, guess)
        if is_further or _is_visible(poll_input.unit_progress, unit):
            return PollResult(job_status=status, unit_progress=unit)
        return None

    async def _record_progress(
        self, code: str, status: JobStatus, unit: float, *, guessed: Mapping[str, Any] | None = None
    ) -> None:
        """Progress that this process has recorded before is not written again."""
        if self._recorded.get(code) == (status, unit):
            return
        self._recorded.pop(code, None)
        if await self._gate.progress(code, status, unit, guessed=guessed):
            self._recorded[code] = status, unit
        if len(self._recorded) > MOST_RECORDED:
            del self._recorded[next(iter(self._recorded))]

    async def _record_guess(self, brief: JobBrief, status: JobStatus, guess: ProgressGuess) -> None:
        """In steps so large that a job has a handful of them."""
        known, recorded = self._recorded.get(brief.code, (status, 0.0))
        model = await self._catalogue.find(brief.model_id)
        if model.estimates_progress(status) and guess.percent >= (recorded if known is status else 0) + GUESSED_STEP:
            await self._record_progress(brief.code, status, guess.percent, guessed=guess.detail)

    async def _unit(self, poll_input: PollInput, snapshot: Snapshot) -> float | None:
        model = await self._catalogue.find(poll_input.brief.model_id)
        return snapshot.unit_progress if snapshot.status in model.unit_progress else None

    async def _ref(self, poll_input: PollInput, *, may_resend: bool = False) -> tuple[Ref, datetime]:
        """The reference, and when the request was about to be sent, by the clock of the host that sent it."""
        submission = await self._submissions.last_submission(poll_input.brief.code)
        if submission is None:  # a job is watched only after it was submitted
            raise SubmissionForgotten("The database has forgotten the submission: is it an older copy?")
        if submission.outcome is Outcome.VOIDED:
            raise SubmissionVoided("The provider has made nothing of the request. Nothing was charged.")
        if submission.ref is not None:
            return submission.ref, submission.intent_at
        if submission.outcome is Outcome.REJECTED:
            raise SubmissionLost("The request was never sent. Nothing was charged.")
        provider = provider_of(self._providers, poll_input.brief.provider, submission.credential)
        found = await self._found(poll_input, provider, submission, may_resend=may_resend)
        return found, submission.intent_at

    async def _found(
        self, poll_input: PollInput, provider: Provider, submission: Submission, *, may_resend: bool
    ) -> Ref:
        """Reconcile a submission whose outcome is unknown.

        It is sent again only with `may_resend`, and where the vendor answers the same request with the job that it has
        made: at the first question, the second, the fourth, the eighth, … Only that reference counts. A refusal
        may be of the second request alone, and says nothing about the first.
        """
        search = await look_for(self._submissions, provider, poll_input.brief.provider, submission)
        again = may_resend and provider.capabilities.may_resend(submission.intent_at, now=datetime.now(UTC))
        if again and not isinstance(search, Found) and activity.info().attempt.bit_count() == 1:
            search = await shielded(self._sent_again(provider, submission)) or search
        match search:
            case Found(ref):
                await self._submissions.conclude(submission, Accepted(ref))
                return submission.bound(ref)
            case Search.ABSENT:
                await self._submissions.conclude(submission, Rejected("absent", "the provider does not have it"))
                raise SubmissionLost("The request never reached the provider. Nothing was charged.")
            case search:
                raise _nothing_new(poll_input, searched(search), None)

    async def _sent_again(self, provider: Provider, submission: Submission) -> Found | None:
        """The job that the same request has made, or makes now."""
        try:
            await self._submissions.intend_again(submission)
        except (JobIsFinal, CancelRequested, DeadlinePassed):
            return None
        outcome = await provider.submit(submission.request)
        if not isinstance(outcome, Accepted):
            return None
        await self._submissions.conclude(submission, outcome)
        return Found(outcome.ref)


def _class_of(brief: JobBrief) -> tuple[str, str]:
    return brief.model_id, brief.parameter_class


def _require_unfinished(state: JobState) -> None:
    require_unfinished(state.code, state.job_status)


def _charge_of(snapshot: Snapshot) -> dict[str, Any] | None:
    return {"charge": snapshot.charge.as_detail()} if snapshot.charge else None


def _unexplained_failure(snapshot: Snapshot) -> JobError:
    message = f"The provider says {snapshot.raw_status!r}, and nothing more."
    return JobError(code="provider_failed", message=message, stage=Stage.PROCESSING)


def _is_visible(before: float | None, unit: float | None) -> bool:
    return unit is not None and unit // VISIBLE_STEP > (before or 0) // VISIBLE_STEP


def _describe(snapshot: Snapshot) -> str:
    return no_news(snapshot.status, ahead=snapshot.queue_position, unit=snapshot.unit_progress)


def _nothing_new(poll_input: PollInput, reason: str, poll_after: timedelta | None) -> ApplicationError:
    return _polled_again(
        reason, PollTiming.of(poll_input, None).wait(None, reports_progress=False, at_least=poll_after)
    )


def _polled_again(reason: str, wait: timedelta, *, kind: str = NO_NEWS) -> ApplicationError:
    return ApplicationError(reason, type=kind, next_retry_delay=wait, category=ApplicationErrorCategory.BENIGN)
