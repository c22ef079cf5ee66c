"""Baselines: Temporal workflows with the steps of a job, or with the usual polling, and nothing else."""

from datetime import timedelta
from typing import Final

from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey

WORKFLOW_QUEUE: Final = "bare"
CALL_QUEUE: Final = "bare-calls"
MOVE_QUEUE: Final = "bare-moves"

#: Search attributes that are registered already: the two that a job updates.
STATUS: Final = SearchAttributeKey.for_keyword("JobStatus")
PROGRESS: Final = SearchAttributeKey.for_float("JobProgress")

ONE_CALL: Final = timedelta(minutes=2)


@activity.defn
async def call(name: str) -> str:
    return name


@activity.defn
async def move(name: str) -> str:
    return name


@workflow.defn
class BareSteps:
    """The activities, timer and upserts of a job in which three polls bring three new statuses."""

    @workflow.run
    async def run(self, first_pause: float) -> str:
        await _call("submit")
        _upsert("SUBMITTED", 16.67)
        await workflow.sleep(first_pause)
        await _call("watch")
        _upsert("QUEUED", 33.33)
        await _call("watch")
        _upsert("PROCESSING", 50.0)
        await _call("watch")
        _upsert("MIGRATING", 83.33)
        await workflow.execute_activity(move, "migrate", task_queue=MOVE_QUEUE, start_to_close_timeout=ONE_CALL)
        _upsert("SUCCESS", 100.0)
        return "SUCCESS"


@workflow.defn
class BarePolling:
    """The usual way to poll: a timer and an activity for every poll."""

    @workflow.run
    async def run(self, polls: int, pause: float) -> str:
        await _call("submit")
        for _ in range(polls):
            await workflow.sleep(pause)
            await _call("watch")
        return await workflow.execute_activity(move, "migrate", task_queue=MOVE_QUEUE, start_to_close_timeout=ONE_CALL)


@workflow.defn
class BareVendorJob:
    """A job at a real vendor, polled by the retries of one activity. Returns the vendor's time of completion."""

    @workflow.run
    async def run(self, base_url: str, picture: str) -> str:
        # Activities by name, so that their imports stay out of the workflow sandbox.
        address = await workflow.execute_activity(
            "vendor_submit", args=[base_url, picture], task_queue=CALL_QUEUE, start_to_close_timeout=ONE_CALL
        )
        prediction = await workflow.execute_activity(
            "vendor_finished", address, task_queue=CALL_QUEUE, start_to_close_timeout=ONE_CALL
        )
        await workflow.execute_activity(
            "vendor_download", prediction["output"], task_queue=MOVE_QUEUE, start_to_close_timeout=ONE_CALL
        )
        return str(prediction["completed_at"])


async def _call(name: str) -> None:
    await workflow.execute_activity(call, name, task_queue=CALL_QUEUE, start_to_close_timeout=ONE_CALL)


def _upsert(status: str, progress: float) -> None:
    workflow.upsert_search_attributes([STATUS.value_set(status), PROGRESS.value_set(progress)])
