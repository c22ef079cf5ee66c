"""The workflow of one job: submit, wait until it is generated, migrate its outputs into our store.

Whatever ends the job earlier is raised as `End`, a cancel request too.
"""

import asyncio
from datetime import datetime
from typing import Final, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ActivityHandle

from aijobs.domain.jobs.activity_io import EndInput, MigrationInput, PollInput, PollResult, StageInput
from aijobs.domain.jobs.job import STAGE_OF, JobBrief, JobState, Stage
from aijobs.domain.jobs.submissions import CancelOutcome, Ref
from aijobs.domain.lifecycle import JobStatus
from workflows import activity_calls, search_attributes
from workflows.job import builds
from workflows.job.activity_results import (
    abandon,
    has_failed,
    is_out_of_time,
    recorded_state,
    result_of,
    was_waiting_in_line,
)
from workflows.job.endings import AlreadyEnded, End, deadline_passed, ended_by_provider
from workflows.job.interruptions import Interruptions, StageClock
from workflows.job.late_watch import begin_late_watch
from workflows.job.metrics import StatusTimer
from workflows.job.submitting import submitted, wait_in_line

T = TypeVar("T")

#: Versions of the workflow (`workflow.patched`). Jobs that passed a change with older code continue with that code.
FINAL_STANDS: Final = "final-stands"

#: Final statuses that the provider may not know of: it may still finish the work, and charge for it.
ENDED_BY_US: Final = frozenset({JobStatus.TIMEOUT, JobStatus.CANCELED})


@workflow.defn(name="AiJob", failure_exception_types=[Exception])
class AiJob:
    """One job. The workflow's id is the job's code."""

    @workflow.init
    def __init__(self, brief: JobBrief) -> None:
        self._brief = brief
        self._state = JobState.of(brief.code, brief.job_status, unit=brief.unit_progress)
        self._ref: Ref | None = None
        self._submitted_at = brief.submitted_at
        self._asked_at: datetime | None = None
        self._timer = StatusTimer(brief.model_id, brief.job_status)
        self._has_deadline_timers = False
        self._interruptions = Interruptions()

    @workflow.run
    async def run(self, brief: JobBrief) -> JobState:
        self._has_deadline_timers = builds.is_first_generation(workflow.info().get_current_build_id())
        try:
            if brief.asyn:
                await self._submit()
                await self._wait_until_generated()
            else:
                await self._generate()
            await self._migrate()
        except End as end:
            await self._end(end)
            await self._close()
        except AlreadyEnded:
            await self._close()
        return self._state

    @workflow.signal
    def cancel(self, reason: str = "") -> None:
        self._interruptions.cancel_reason = self._interruptions.cancel_reason or reason or "Canceled by signal."

    @workflow.signal
    def provider_event(self, _hint: dict[str, str] | None = None) -> None:
        """A webhook came in. Its content is not trusted: it only causes the next poll to happen now."""
        self._interruptions.poll_now = True

    @workflow.signal
    def slot_granted(self) -> None:
        """The job is next in the line of its provider: it is tried now, and not at the time of its next attempt."""
        self._interruptions.has_slot = True

    @workflow.query
    def state(self) -> JobState:
        return self._state

    @workflow.query
    def progress(self) -> dict[str, str | float | None]:
        return self._state.model_dump(include={"job_status_name", "unit_progress", "overall_progress"})

    async def _submit(self) -> None:
        if self._state.job_status is JobStatus.DRAFT:  # else it was continued as new, or started again
            await self._hand_over()

    async def _hand_over(self) -> None:
        """Hand the job to its provider, for the first time or once more."""
        outcome = await submitted(self._brief, self._interruptions)
        self._ref = outcome.ref
        self._submitted_at = workflow.now() if outcome.ref else None
        self._set_state(outcome.state)
        if self._state.job_status.is_final and workflow.patched(FINAL_STANDS):
            raise AlreadyEnded

    async def _wait_until_generated(self) -> None:
        if not self._state.job_status.is_before(JobStatus.GENERATED):
            return  # a rerun from migration, or a workflow that was started again
        clock = self._start_clock()
        pause = self._brief.poll.first if self._has_deadline_timers else min(self._brief.poll.first, clock.left)
        await self._interruptions.pause(pause, stage=Stage.QUEUE)
        while self._state.job_status.is_before(JobStatus.GENERATED):
            await self._watch()
            if workflow.info().is_continue_as_new_suggested() and self._interruptions.cancel_reason is None:
                workflow.continue_as_new(self._brief_carried_over())

    async def _watch(self) -> None:
        """Poll until there is news, or until a hint asks for another poll. Ends at the deadline of the job's stage."""
        clock = self._start_clock()
        if clock.is_over and not self._has_deadline_timers:
            raise deadline_passed(clock.deadline)
        known = PollInput(
            brief=self._brief,
            job_status=self._state.job_status,
            unit_progress=self._state.unit_progress,
            ref=self._ref,
            submitted_at=self._submitted_at,
            asked_at=self._asked_at,
            hinted=self._interruptions.poll_now,
        )
        self._interruptions.poll_now = False
        watching = activity_calls.watch(known, within=None if self._has_deadline_timers else clock.left)
        try:
            await self._interruptions.until(lambda: watching.done() or self._interruptions.poll_now, stage=clock.stage)
            if not watching.done():
                return
            if is_out_of_time(watching) and not self._has_deadline_timers:
                await self._wait_for_deadline(clock)
            elif (poll_result := result_of(watching, clock)).resubmit:
                await self._hand_over()
            else:
                self._apply_poll_result(poll_result)
        finally:
            abandon(watching)

    async def _wait_for_deadline(self, clock: StageClock) -> None:
        """Temporal ends an activity whose next attempt would come after the deadline. Until then, a hint may come."""
        if not clock.is_over:
            clock.start()
            await self._interruptions.until(lambda: self._interruptions.poll_now, stage=clock.stage)

    def _apply_poll_result(self, poll_result: PollResult) -> None:
        if poll_result.error is not None:
            raise ended_by_provider(poll_result.job_status, poll_result.error)
        self._ref = poll_result.ref or self._ref
        self._submitted_at = poll_result.submitted_at or self._submitted_at
        self._asked_at = workflow.now()
        self._state = JobState.of(self._brief.code, poll_result.job_status, unit=poll_result.unit_progress)
        if self._state.job_status.is_before(JobStatus.GENERATED):
            self._start_clock()
            self._set_state(self._state)
        else:
            self._interruptions.replace_clock(None)

    async def _generate(self) -> None:
        if not self._state.job_status.is_before(JobStatus.GENERATED):
            return  # started again
        self._set_state(JobState.of(self._brief.code, JobStatus.PROCESSING))
        clock, stages = await self._begin_generating()
        for stage in range(1, stages + 1):
            self._set_state(JobState.of(self._brief.code, JobStatus.PROCESSING, unit=100 * (stage - 1) / stages))
            stage_input = StageInput(brief=self._brief, stage=stage, stages=stages)
            await self._work(activity_calls.generate_stage(stage_input, within=clock.left), clock)
        self._state = await self._work(activity_calls.finish_generating(self._brief, within=clock.left), clock)

    async def _begin_generating(self) -> tuple[StageClock, int]:
        """The time while the job is held back is no part of the stage's time."""
        while True:
            clock, self._interruptions.has_slot = StageClock(self._brief, Stage.PROCESSING), False
            beginning = activity_calls.begin_generating(self._brief, within=clock.left)
            try:
                return clock, await self._work(beginning, clock)
            except End:
                if self._interruptions.cancel_reason is not None or not was_waiting_in_line(beginning):
                    raise
            await wait_in_line(self._brief, self._interruptions)

    async def _migrate(self) -> None:
        self._set_state(JobState.of(self._brief.code, JobStatus.MIGRATING))
        clock = StageClock(self._brief, Stage.MIGRATE)
        migration = MigrationInput(**dict(self._brief), ref=self._ref)
        self._set_state(await self._work(activity_calls.migrate(migration, within=clock.left), clock))

    async def _work(self, working: ActivityHandle[T], clock: StageClock) -> T:
        """Run a long activity. A cancel or deadline cancels it and waits for its cleanup; it may still succeed."""
        try:
            await self._interruptions.until(working.done, stage=clock.stage)
        except End:
            working.cancel()
            await self._interruptions.shielded(working)
            if has_failed(working):
                raise
        return result_of(working, clock)

    async def _end(self, end: End) -> None:
        """Cancel at the provider, record the end, and start a late watch where the provider may still charge."""
        self._interruptions.replace_clock(None)
        provider_cancel = await self._cancel_at_provider() if end.maybe_at_provider else None
        end_input = EndInput(
            code=self._brief.code,
            job_status=end.status,
            error=end.error,
            provider_may_charge=provider_cancel is not CancelOutcome.CANCELED if provider_cancel else end.in_doubt,
            detail={"provider_cancel": provider_cancel} if provider_cancel else {},
            may_have_conversation=not self._brief.asyn,
        )
        ending = activity_calls.end(end_input)
        await self._interruptions.shielded(ending)
        self._set_state(recorded_state(ending))
        if end_input.provider_may_charge and self._state.job_status in ENDED_BY_US:
            await begin_late_watch(self._brief, self._interruptions)

    async def _close(self) -> None:
        """Close the workflow as the job's final status says."""
        match self._state.job_status:
            case JobStatus.SUCCESS:
                return
            case JobStatus.CANCELED:
                await self._close_as_canceled(self._reason())
            case JobStatus.TIMEOUT:
                raise self._closing_error("JobTimeout")
            case _:
                raise self._closing_error("JobFailed")

    async def _cancel_at_provider(self) -> CancelOutcome | None:
        canceling = activity_calls.cancel_at_provider(self._brief)
        await self._interruptions.shielded(canceling)
        return CancelOutcome.REQUESTED if has_failed(canceling) else canceling.result()

    async def _close_as_canceled(self, reason: str) -> None:
        """Only a workflow that Temporal was asked to cancel can close as Canceled: after a signal, ask for it."""
        if workflow.cancellation_reason() is None:
            await self._interruptions.shielded(activity_calls.ask_to_be_canceled(reason))
            if workflow.cancellation_reason() is None:
                await workflow.wait_condition(lambda: False)
        raise asyncio.CancelledError(reason)

    def _closing_error(self, kind: str) -> ApplicationError:
        return ApplicationError(self._reason(), self._state, type=kind, non_retryable=True)

    def _reason(self) -> str:
        return self._state.error.message if self._state.error else ""

    def _start_clock(self) -> StageClock:
        """The clock of the job's current stage, which is started unless it runs already."""
        stage, running = STAGE_OF[self._state.job_status], self._interruptions.clock
        if running is not None and running.stage is stage:
            return running
        clock = StageClock(self._brief, stage, since=self._brief.stage_since if running is None else None)
        self._interruptions.replace_clock(clock)
        if self._has_deadline_timers:
            clock.start()
        return clock

    def _set_state(self, state: JobState) -> None:
        self._timer.enter(state.job_status)
        self._state = state
        workflow.upsert_search_attributes(search_attributes.of(state))
        unit = "" if state.unit_progress is None else f", {state.unit_progress:.0f} %"
        workflow.set_current_details(f"**{state.job_status_name}** {state.job_status_desc}{unit}")

    def _brief_carried_over(self) -> JobBrief:
        running = self._interruptions.clock
        progress = {
            "job_status": self._state.job_status,
            "unit_progress": self._state.unit_progress,
            "stage_since": running.since if running else None,
            "submitted_at": self._submitted_at,
        }
        return self._brief.model_copy(update=progress)
