"""Bare rivals: Temporal workflows that take the same steps as a job, or poll as is usual, and do nothing else."""

import asyncio
from datetime import timedelta
from typing import Final

from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey

STEERING: Final = "bare"
CALLS: Final = "bare-calls"
MOVES: Final = "bare-moves"

#: Attributes that the server knows already; the same two that a job keeps up to date.
STATUS: Final = SearchAttributeKey.for_keyword("JobStatus")
PROGRESS: Final = SearchAttributeKey.for_float("JobProgress")

ONE_CALL: Final = timedelta(minutes=2)
DEADLINE: Final = timedelta(hours=1)


@activity.defn
async def call(word: str) -> str:
    return word


@activity.defn
async def move(word: str) -> str:
    return word


@workflow.defn
class BareSteps:
    """The activities, timers and upserts of a job in which three polls bring three new statuses."""

    @workflow.run
    async def run(self, first_pause: float) -> str:
        await _call("submit")
        _upsert("SUBMITTED", 16.67)
        deadline = _started_deadline()
        await workflow.sleep(first_pause)
        await _call("watch")
        _upsert("QUEUED", 33.33)
        await _call("watch")
        deadline.cancel()
        deadline = _started_deadline()
        _upsert("PROCESSING", 50.0)
        await _call("watch")
        deadline.cancel()
        _upsert("MIGRATING", 83.33)
        await workflow.execute_activity(move, "migrate", task_queue=MOVES, start_to_close_timeout=ONE_CALL)
        _upsert("SUCCESS", 100.0)
        return "SUCCESS"


@workflow.defn
class BarePolling:
    """The usual way to poll: a timer and an activity for every question."""

    @workflow.run
    async def run(self, polls: int, pause: float) -> str:
        await _call("submit")
        for _ in range(polls):
            await workflow.sleep(pause)
            await _call("watch")
        return await workflow.execute_activity(move, "migrate", task_queue=MOVES, start_to_close_timeout=ONE_CALL)


@workflow.defn
class BareVendorJob:
    """A job at a real vendor, polled by the retries of one activity. Returns when the vendor says it had finished."""

    @workflow.run
    async def run(self, base_url: str, picture: str) -> str:
        # The activities go by their names: what they import is not wanted in here.
        address = await workflow.execute_activity(
            "vendor_submit", args=[base_url, picture], task_queue=CALLS, start_to_close_timeout=ONE_CALL
        )
        prediction = await workflow.execute_activity(
            "vendor_finished", address, task_queue=CALLS, start_to_close_timeout=ONE_CALL
        )
        await workflow.execute_activity(
            "vendor_download", prediction["output"], task_queue=MOVES, start_to_close_timeout=ONE_CALL
        )
        return str(prediction["completed_at"])


async def _call(word: str) -> None:
    await workflow.execute_activity(call, word, task_queue=CALLS, start_to_close_timeout=ONE_CALL)


def _started_deadline() -> asyncio.Task[None]:
    return asyncio.create_task(workflow.sleep(DEADLINE))


def _upsert(status: str, progress: float) -> None:
    workflow.upsert_search_attributes([STATUS.value_set(status), PROGRESS.value_set(progress)])
