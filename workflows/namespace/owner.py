"""Which installation a namespace belongs to: the schedule of repair, of which a namespace has one, says so."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from temporalio.client import (
    Client,
    ScheduleActionStartWorkflow,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from aijobs.domain.errors import NamespaceTaken
from workflows.namespace.schedules import SCHEDULE_ID, keep_schedule, schedule_repair

MEMO: Final = "installation"
UNKNOWN: Final = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED})
CALL_TIMEOUT: Final = timedelta(seconds=3)
CLAIM_TIMEOUT: Final = timedelta(seconds=15)
"""For each call of a worker that starts: on a busy machine Temporal may need seconds to describe a schedule."""


async def claim_namespace(client: Client, installation: str, *, repair_every: timedelta) -> bool:
    """Make sure that the schedule of repair exists, starts repair so often, and names this installation.

    Returns whether the schedule was made now. Raises NamespaceTaken, and RPCError.
    """
    if await schedule_repair(client, every=repair_every, memo={MEMO: installation}):
        return True
    if await owner_of(client, timeout=CLAIM_TIMEOUT) is None:  # made by an older version
        await _add_owner(client, installation)
    await require_own_namespace(client, installation, timeout=CLAIM_TIMEOUT)
    await keep_schedule(client, SCHEDULE_ID, every=repair_every)
    return False


async def require_own_namespace(client: Client, installation: str, *, timeout: timedelta = CALL_TIMEOUT) -> None:
    """Raises NamespaceTaken when the namespace belongs to another installation, and RPCError."""
    owner = await owner_of(client, timeout=timeout)
    if owner not in {None, installation}:
        raise NamespaceTaken(taken_message(client.namespace, owner))


def taken_message(namespace: str, owner: str | None) -> str:
    """One sentence for people."""
    return f"The namespace {namespace} of Temporal belongs to another installation, {owner}, with another database."


async def owner_of(client: Client, *, timeout: timedelta = CALL_TIMEOUT) -> str | None:
    """The id of the installation that the namespace belongs to; None when it belongs to none. Raises RPCError."""
    try:
        described = await client.get_schedule_handle(SCHEDULE_ID).describe(rpc_timeout=timeout)
    except RPCError as refused:
        if refused.status in UNKNOWN:
            return None
        raise
    return await _named(client, described.schedule.action)


async def _named(client: Client, action: object) -> str | None:
    memo: Mapping[str, Any] = (action.memo if isinstance(action, ScheduleActionStartWorkflow) else None) or {}
    if MEMO not in memo:
        return None
    (name,) = await client.data_converter.decode([memo[MEMO]], [str])
    return str(name)


async def _add_owner(client: Client, installation: str) -> None:
    """Another process may do so at the same moment: what it has written stays."""

    async def with_owner(current: ScheduleUpdateInput) -> ScheduleUpdate | None:
        schedule = current.description.schedule
        if not isinstance(schedule.action, ScheduleActionStartWorkflow) or await _named(client, schedule.action):
            return None
        schedule.action.memo = {**(schedule.action.memo or {}), MEMO: installation}
        return ScheduleUpdate(schedule=schedule)

    await client.get_schedule_handle(SCHEDULE_ID).update(with_owner, rpc_timeout=CLAIM_TIMEOUT)
