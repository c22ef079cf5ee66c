"""The workflow of one batch: it feeds jobs until every item has ended. What has happened is in the database alone."""

import asyncio
from contextlib import suppress
from typing import Final

from temporalio import workflow

from aijobs.domain.jobs.batches.batch import BatchBrief, BatchPhase
from workflows import activity_calls

ROUNDS: Final = 200
"""Then the workflow begins anew, with an empty history. A round is one activity, of minutes where the batch moves."""


@workflow.defn(name="AiBatch", failure_exception_types=[Exception])
class AiBatch:
    """The workflow's id is the batch's code."""

    @workflow.init
    def __init__(self, _brief: BatchBrief) -> None:
        self._is_woken = False

    @workflow.run
    async def run(self, brief: BatchBrief) -> None:
        for _ in range(ROUNDS):
            self._is_woken = False
            look = await activity_calls.feed_batch(brief.code)
            if look.phase is BatchPhase.OVER and not self._is_woken:
                return
            if look.phase is BatchPhase.RESTING:
                with suppress(asyncio.TimeoutError):
                    await workflow.wait_condition(lambda: self._is_woken, timeout=look.look_after)
        workflow.continue_as_new(brief)

    @workflow.signal
    def wake(self) -> None:
        """Somebody has changed the batch: it was resumed, canceled, or is to run again."""
        self._is_woken = True
