"""Repairs what no single job can: jobs without a workflow, workflows without a job, leftovers of dead processes."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from temporalio import activity
from temporalio.service import RPCError, RPCStatusCode

from activities.ending import EndingActivities
from activities.metrics import note_repair
from activities.rounds import Rounds
from aijobs.domain.errors import AijobsError, DatabaseUnavailable, SubmissionForgotten
from aijobs.domain.jobs.activity_io import EndInput
from aijobs.domain.jobs.job import JobBrief, JobError, Stage, late_watch_id
from aijobs.domain.jobs.submissions import CancelOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.batches import BatchFeed
from aijobs.domain.ports.housekeeping import Housekeeping
from aijobs.domain.ports.jobs import JobGate
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.workflow_control import JobWorkflowControl, WorkflowStatus
from aijobs.domain.provider_io import REPORT_LIFETIME

log = structlog.get_logger()

QUIET_FOR: Final = timedelta(seconds=5)
"""A job without an event for this long is checked."""

CLOSING_TIME: Final = timedelta(minutes=1)
"""How long a workflow may take to close after its job has ended."""

UNLOADED: Final = timedelta(hours=1)
"""A batch whose items are not written by then never will be."""

UNANSWERED: Final = timedelta(minutes=10)
PAGE: Final = 500
LOOKS_AT_ONCE: Final = 10
"""Questions to Temporal at the same time."""

#: Answers of Temporal that are about one workflow. With any other the round ends, and the next one goes on.
REFUSED: Final = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION})

#: The final status of a job whose workflow has closed: terminated by an operator means CANCELED.
ENDS: Final = {
    WorkflowStatus.TERMINATED: JobStatus.CANCELED,
    WorkflowStatus.TIMED_OUT: JobStatus.TIMEOUT,
    WorkflowStatus.CLOSED: JobStatus.FAILED,
}


class RepairActivities:
    """The periodic repair. A write that began `abandoned_after` ago and is not finished counts as abandoned."""

    def __init__(
        self,
        gate: JobGate,
        housekeeping: Housekeeping,
        store: ObjectStore,
        engine: JobWorkflowControl,
        ending: EndingActivities,
        batches: BatchFeed,
        rounds: Rounds,
        *,
        abandoned_after: timedelta,
    ) -> None:
        self._gate = gate
        self._housekeeping = housekeeping
        self._store = store
        self._engine = engine
        self._ending = ending
        self._batches = batches
        self._rounds = rounds
        self._abandoned_after = abandoned_after

    @activity.defn
    async def repair(self) -> int:
        """Check everything, again and again. Returns how many jobs were repaired: each is an event of its job."""
        return await self._rounds.go(self._checked)

    async def _checked(self) -> int:
        mended = await self._mend_jobs() + await self._stop_workflows_without_work()
        mended += await self._watch_what_is_held()
        mended += await self._start_batches()
        keys = await self._housekeeping.forget_unanswered(older_than=UNANSWERED)
        reports = await self._housekeeping.forget_reports(older_than=REPORT_LIFETIME)
        writes = await self._clear_away()
        if mended or keys or reports or writes:
            log.info("repaired", jobs=mended, idempotency_keys=keys, reports=reports, writes=writes)
        note_repair()
        await self._housekeeping.note_repaired()
        return mended

    async def _mend_jobs(self) -> int:
        mended, last = 0, ""
        while briefs := await self._housekeeping.unfinished(quiet_for=QUIET_FOR, after=last, at_most=PAGE):
            for first in range(0, len(briefs), LOOKS_AT_ONCE):
                some = briefs[first : first + LOOKS_AT_ONCE]
                statuses = await asyncio.gather(*(self._engine.status_of(brief.code) for brief in some))
                for brief, status in zip(some, statuses, strict=True):
                    mended += await self._mended(brief, status)
            last = briefs[-1].code
        return mended

    async def _mended(self, brief: JobBrief, status: WorkflowStatus) -> bool:
        """Whether the job was mended. One that cannot be now does not keep the others from it."""
        try:
            return await self._mend(brief, status)
        except DatabaseUnavailable:
            raise
        except AijobsError as failed:
            log.warning("job_not_repaired", job=brief.code, why=failed.code)
        except RPCError as refused:
            if refused.status not in REFUSED:
                raise
            log.warning("job_not_repaired", job=brief.code, why=refused.status.name)
        return False

    async def _mend(self, brief: JobBrief, status: WorkflowStatus) -> bool:
        """`status` is newer than what is known of the job, which may have ended meanwhile."""
        if status is WorkflowStatus.RUNNING or await self._ending.has_ended(brief.code):
            return False
        if status is WorkflowStatus.NONE:
            await self._engine.start(brief)
            await self._gate.note(brief.code, {"repair": "its workflow was missing and is started"})
        else:
            await self._end(brief, status)
        return True

    async def _end(self, brief: JobBrief, status: WorkflowStatus) -> None:
        """The workflow has closed. Cancel at the provider, and record the end."""
        if status is WorkflowStatus.CLOSED and brief.asyn and not await self._ending.has_submission(brief.code):
            await self._end_forgotten(brief)
            return
        try:
            provider_cancel = await self._ending.cancel_at_provider(brief)
        except Exception as failed:  # noqa: BLE001 (an adapter may be anybody's; the job's own workflow does so too)
            log.warning("provider_not_told", job=brief.code, why=type(failed).__name__)
            provider_cancel = CancelOutcome.REQUESTED
        message = f"Its workflow was {status.replace('_', ' ')} before the job had ended."
        await self._gate.note(brief.code, {"repair": message})
        end_input = EndInput(
            code=brief.code,
            job_status=ENDS[status],
            error=JobError(code=f"workflow_{status}", message=message, stage=Stage.BUSINESS),
            provider_may_charge=provider_cancel not in (None, CancelOutcome.CANCELED),
            detail={"provider_cancel": provider_cancel} if provider_cancel else {},
        )
        await self._ending.end(end_input)
        if end_input.provider_may_charge:
            await self._engine.watch_late(brief)

    async def _end_forgotten(self, brief: JobBrief) -> None:
        """A workflow closes by itself only when the job's end is recorded. The provider may have charged."""
        message = "Its workflow has closed, and the database has no submission of it: is it an older copy?"
        await self._gate.note(brief.code, {"repair": message})
        error = JobError(code=SubmissionForgotten.code, message=message, stage=Stage.BUSINESS)
        end_input = EndInput(
            code=brief.code, job_status=JobStatus.TIMEOUT, error=error, provider_may_charge=True, detail={}
        )
        await self._ending.end(end_input)

    async def _watch_what_is_held(self) -> int:
        """Start the missing late watches of held points: a process may have died before it started the watch."""
        watched = 0
        for brief in await self._housekeeping.held(quiet_for=QUIET_FOR, at_most=PAGE):
            if await self._engine.status_of(late_watch_id(brief.code)) is WorkflowStatus.NONE:
                await self._engine.watch_late(brief)
                await self._gate.note(brief.code, {"repair": "its late watch was missing and is started"})
                watched += 1
        return watched

    async def _start_batches(self) -> int:
        """Start the workflows of batches that have lost theirs. Forget batches that were never written to the end."""
        started, last = 0, ""
        while codes := await self._batches.unfinished(after=last, at_most=PAGE):
            for code in codes:
                if await self._engine.status_of(code) is not WorkflowStatus.RUNNING:
                    await self._engine.wake_batch(code)
                    started += 1
            last = codes[-1]
        await self._batches.forget_unloaded(older_than=UNLOADED)
        return started

    async def _clear_away(self) -> int:
        """Delete what dead processes have left in the store."""
        cleared = await self._store.tidy(older_than=self._abandoned_after)
        for key in await self._housekeeping.abandoned_writes(older_than=self._abandoned_after):
            await self._store.delete(key)
            await self._housekeeping.forget_write(key)
            cleared += 1
        return cleared

    async def _stop_workflows_without_work(self) -> int:
        running = await self._engine.running_jobs()
        stopped = 0
        for first in range(0, len(running), PAGE):
            codes = running[first : first + PAGE]
            for code in await self._housekeeping.final_among(codes, quiet_for=CLOSING_TIME):
                await self._engine.stop(code, "Its job has ended.")
                await self._gate.note(code, {"repair": "its workflow still ran and is stopped"})
                stopped += 1
        return stopped
