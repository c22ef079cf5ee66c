"""What may interrupt a waiting job: a cancel request, a webhook's hint, a slot, a deadline."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.workflow import ActivityHandle

from aijobs.domain.jobs.job import JobBrief, Stage
from workflows.job.endings import canceled, deadline_passed

CANCELED_BY_TEMPORAL: Final = "Canceled in Temporal."


class StageClock:
    """The deadline of a stage, bounded by the business deadline of the whole job."""

    def __init__(self, brief: JobBrief, stage: Stage, *, since: datetime | None = None) -> None:
        self.stage = stage
        self.since = since or workflow.now()
        stage_ends = self.since + getattr(brief.deadlines, stage)
        business_ends = brief.accepted_at + brief.deadlines.business
        self.deadline = stage if stage_ends <= business_ends else Stage.BUSINESS
        self._ends: datetime = min(stage_ends, business_ends)
        self._timer: asyncio.Task[None] | None = None

    @property
    def left(self) -> timedelta:
        return max(self._ends - workflow.now(), timedelta(seconds=1))

    @property
    def is_over(self) -> bool:
        return workflow.now() >= self._ends

    def start(self) -> None:
        """Start the timer, if it does not run. An activity's schedule-to-close timeout needs none."""
        if self._timer is not None:
            return
        self._timer = asyncio.create_task(workflow.sleep(self.left, summary=f"{self.deadline} deadline"))

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @property
    def expired(self) -> bool:
        return self._timer is not None and self._timer.done() and not self._timer.cancelled()


class Interruptions:
    """The cancel request, the hints and the slot that have come in, and the clock of the running stage."""

    def __init__(self) -> None:
        self.cancel_reason: str | None = None
        self.poll_now = False
        self.has_slot = False
        self.clock: StageClock | None = None

    def replace_clock(self, clock: StageClock | None) -> None:
        """The clock of the stage that begins, instead of the one that ends."""
        if self.clock is not None:
            self.clock.stop()
        self.clock = clock

    async def until(self, met: Callable[[], bool], *, stage: Stage) -> None:
        """Wait until `met`. Raises End when the job is to be canceled, or the stage's deadline has passed."""
        try:
            await workflow.wait_condition(lambda: met() or self.cancel_reason is not None or self._expired())
        except asyncio.CancelledError:
            self._note_cancellation()
        if met():
            return
        if self.cancel_reason is not None:
            raise canceled(self.cancel_reason, stage)
        raise deadline_passed(self.clock.deadline if self.clock else stage)

    async def is_interrupted_before(self, submitting: ActivityHandle[Any]) -> bool:
        """Wait until it is done, a cancel is requested or a slot is granted. Returns whether it is not done yet."""

        def is_over() -> bool:
            return submitting.done() or self.cancel_reason is not None or self.has_slot

        while not is_over():
            try:
                await workflow.wait_condition(is_over)
            except asyncio.CancelledError:
                self._note_cancellation()
        return not submitting.done()

    async def shielded(self, step: asyncio.Task[Any]) -> None:
        """Wait until `step` is done, even while the workflow is being canceled."""
        while not step.done():
            try:
                await workflow.wait_condition(step.done)
            except asyncio.CancelledError:
                self._note_cancellation()

    async def pause(self, length: timedelta, *, stage: Stage) -> None:
        """A durable timer that a webhook's hint ends early. Raises End like `until`."""
        pausing = asyncio.create_task(workflow.sleep(length, summary="before the first question"))
        try:
            await self.until(lambda: pausing.done() or self.poll_now, stage=stage)
        finally:
            pausing.cancel()

    async def pause_in_line(self, length: timedelta, *, stage: Stage) -> None:
        """A durable timer that a slot ends early. Raises End like `until`."""
        pausing = asyncio.create_task(workflow.sleep(length, summary="in line for a slot"))
        try:
            await self.until(lambda: pausing.done() or self.has_slot, stage=stage)
        finally:
            pausing.cancel()

    def _expired(self) -> bool:
        return self.clock is not None and self.clock.expired

    def _note_cancellation(self) -> None:
        self.cancel_reason = self.cancel_reason or workflow.cancellation_reason() or CANCELED_BY_TEMPORAL
