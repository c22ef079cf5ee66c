"""What a job's workflow waits for right now, as Temporal describes its one pending activity."""

from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client

from aijobs.domain.jobs.running_step import RunningStep
from workflows.namespace.executions import describe_execution

RUNNING: Final = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED


async def running_step(client: Client, code: str, *, timeout: timedelta) -> RunningStep | None:
    """The step that has begun last. None while there is none, and when Temporal has no such workflow.

    Raises RPCError.
    """
    described = await describe_execution(client, code, timeout=timeout)
    pending = described.pending_activities if described else ()
    return _step(pending[-1]) if pending else None


def _step(pending: PendingActivityInfo) -> RunningStep:
    is_running = pending.state == RUNNING
    failed = pending.last_failure if pending.HasField("last_failure") else None
    return RunningStep(
        name=pending.activity_type.name,
        attempt=pending.attempt,
        is_running=is_running,
        next_at=None if is_running else _moment(pending, "next_attempt_schedule_time"),
        ended_at=_moment(pending, "last_attempt_complete_time"),
        ended_with=failed.message if failed else None,
        kind=failed.application_failure_info.type if failed else None,
    )


def _moment(pending: PendingActivityInfo, name: str) -> datetime | None:
    written: Timestamp = getattr(pending, name)
    return written.ToDatetime(UTC) if pending.HasField(name) else None  # type: ignore[arg-type]
