"""Asking a provider how a job is, until there is news."""

import random
from collections.abc import Mapping
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.submission import provider_of
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import SubmissionForgotten, SubmissionLost
from aijobs.domain.jobs.activity_io import PollInput, PollResult
from aijobs.domain.jobs.job import JobBrief, JobError, JobState, Stage
from aijobs.domain.jobs.polling import PollPolicy
from aijobs.domain.jobs.submissions import Accepted, Found, Outcome, Ref, Rejected, Search, Submission
from aijobs.domain.lifecycle import JobStatus, require_unfinished
from aijobs.domain.ports.jobs import JobGate, JobQueries, LateOutcomes
from aijobs.domain.ports.providers import Provider
from aijobs.domain.ports.submissions import SubmissionLog
from aijobs.domain.provider_io import Snapshot

VISIBLE_STEP = 10
"""Percent of unit progress that the workflow, and not only the event log, is told of."""


class PollingActivities:
    """Asks providers how their jobs are."""

    def __init__(
        self,
        submissions: SubmissionLog,
        queries: JobQueries,
        gate: JobGate,
        late_outcomes: LateOutcomes,
        catalogue: Catalogue,
        providers: Mapping[str, Provider],
    ) -> None:
        self._submissions = submissions
        self._queries = queries
        self._gate = gate
        self._late_outcomes = late_outcomes
        self._catalogue = catalogue
        self._providers = providers

    @activity.defn
    async def watch(self, question: PollInput) -> PollResult:
        """Ends only with news. Without it, Temporal keeps the timer until the next question, and no slot is held.

        Raises JobIsFinal when the job has ended otherwise.
        """
        if activity.info().attempt == 1:
            _require_unfinished(await self._queries.state(question.brief.code))
        provider = provider_of(self._providers, question.brief.provider)
        ref = await self._ref(question, provider)
        snapshot = await provider.query(ref)
        if snapshot.final:
            return await self._finished(question, snapshot)
        if not snapshot.definite:
            raise _no_news(question, f"{snapshot.raw_status} (not believed yet)", snapshot.poll_after)
        return await self._working(question, snapshot)

    @activity.defn
    async def watch_late(self, brief: JobBrief) -> JobStatus:
        """As `watch`, for a job that has ended: ends with the provider's final word, and settles what is held by it."""
        question = PollInput(brief=brief, job_status=JobStatus.QUEUED, unit_progress=None)
        provider = provider_of(self._providers, brief.provider)
        try:
            snapshot = await provider.query(await self._ref(question, provider))
        except SubmissionLost:
            await self._late_outcomes.record(brief.code, JobStatus.FAILED, {})
            return JobStatus.FAILED
        if not snapshot.final:
            raise _no_news(question, _in_words(snapshot), snapshot.poll_after)
        await self._late_outcomes.record(brief.code, snapshot.status, snapshot.raw)
        return snapshot.status

    async def _finished(self, question: PollInput, snapshot: Snapshot) -> PollResult:
        if snapshot.status is JobStatus.GENERATED:
            _require_unfinished(await self._gate.advance(question.brief.code, JobStatus.GENERATED, answer=snapshot.raw))
            return PollResult(job_status=JobStatus.GENERATED)
        await self._gate.keep_answer(question.brief.code, snapshot.raw)
        return PollResult(job_status=snapshot.status, error=snapshot.error or _unexplained(snapshot))

    async def _working(self, question: PollInput, snapshot: Snapshot) -> PollResult:
        code = question.brief.code
        is_further = question.job_status.is_before(snapshot.status)
        status = snapshot.status if is_further else question.job_status  # a provider's way back is ignored
        if is_further:
            _require_unfinished(await self._gate.advance(code, status, detail={"raw_status": snapshot.raw_status}))
        unit = self._unit(question, snapshot)
        if unit is not None and status is snapshot.status:
            await self._gate.progress(code, status, unit)
        if is_further or _is_visible(question.unit_progress, unit):
            return PollResult(job_status=status, unit_progress=unit)
        raise _no_news(question, _in_words(snapshot), snapshot.poll_after)

    def _unit(self, question: PollInput, snapshot: Snapshot) -> float | None:
        model = self._catalogue.model(question.brief.model_id)
        return snapshot.unit_progress if snapshot.status in model.unit_progress else None

    async def _ref(self, question: PollInput, provider: Provider) -> Ref:
        submission = await self._submissions.last_submission(question.brief.code)
        if submission is None:  # a job is watched only after it was submitted
            raise SubmissionForgotten("The database has forgotten the submission: is it an older copy?")
        if submission.ref is not None:
            return submission.ref
        if submission.outcome is Outcome.REJECTED:
            raise SubmissionLost("The request was never sent. Nothing was charged.")
        return await self._found(question, provider, submission)

    async def _found(self, question: PollInput, provider: Provider, submission: Submission) -> Ref:
        """Look for a submission whose outcome is unknown. It is never sent again."""
        match await look_for(self._submissions, provider, question.brief.provider, submission):
            case Found(ref):
                await self._submissions.conclude(submission, Accepted(ref))
                return ref
            case Search.ABSENT:
                await self._submissions.conclude(submission, Rejected("absent", "the provider does not have it"))
                raise SubmissionLost("The request never reached the provider. Nothing was charged.")
            case search:
                raise _no_news(question, f"submission outcome unknown, searched: {search}", None)


def _require_unfinished(state: JobState) -> None:
    require_unfinished(state.code, state.job_status)


async def look_for(submissions: SubmissionLog, provider: Provider, name: str, submission: Submission) -> Found | Search:
    """Ask the provider for a submission whose outcome is unknown."""
    others = await submissions.known_ids(name, since=submission.intent_at - timedelta(hours=1))
    return await provider.reconcile(submission, known_ids=others)


def _unexplained(snapshot: Snapshot) -> JobError:
    message = f"The provider says {snapshot.raw_status!r}, and nothing more."
    return JobError(code="provider_failed", message=message, stage=Stage.PROCESSING)


def _is_visible(before: float | None, unit: float | None) -> bool:
    return unit is not None and unit // VISIBLE_STEP > (before or 0) // VISIBLE_STEP


def _in_words(snapshot: Snapshot) -> str:
    position = "" if snapshot.queue_position is None else f", {snapshot.queue_position} in line"
    unit = "" if snapshot.unit_progress is None else f", {snapshot.unit_progress:.0f} %"
    return f"{snapshot.raw_status}{position}{unit}"


def _no_news(question: PollInput, answer: str, poll_after: timedelta | None) -> ApplicationError:
    policy: PollPolicy = question.brief.poll
    delay = policy.delay(activity.info().attempt, dice=random.random(), at_least=poll_after)
    return ApplicationError(answer, type="NoNews", next_retry_delay=delay, category=ApplicationErrorCategory.BENIGN)
