"""Prepares a namespace of Temporal for our workflows: the namespace itself, search attributes, and schedules."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Final

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from aijobs.domain.errors import TemporalMisconfigured
from cli.embedded.temporal_client import namespace_create_command
from workflows.namespace.health import (
    CALL_TIMEOUT,
    INSPECTION_DENIED,
    commands_that_add,
    has_namespace,
    missing_attributes,
)
from workflows.namespace.owner import claim_namespace
from workflows.namespace.schedules import SCHEDULE_ID, schedule_repair
from workflows.search_attributes import ALL_ATTRIBUTES

RETENTION: Final = timedelta(days=7)
"""How long Temporal shows workflows that have ended. Jobs themselves are kept in the database."""

VISIBLE_AFTER: Final = timedelta(seconds=30)  #: at most: servers look for new namespaces and attributes every ten
PAUSE: Final = timedelta(milliseconds=250)


async def prepare_namespace(client: Client, *, repair_every: timedelta, installation: str | None) -> AsyncIterator[str]:
    """Make what is missing. Yields what was done or found. Raises RPCError, and NamespaceTaken.

    Without the id of an installation, the first worker makes the namespace its own.

    Raises TemporalMisconfigured in Temporal Cloud, whose own tools make namespaces and attributes: it says how.
    """
    if await has_namespace(client):
        yield f"the namespace {client.namespace} is there"
    else:
        await _register(client)
        yield f"made the namespace {client.namespace}, which keeps ended workflows for {RETENTION.days} days"
    missing = await missing_attributes(client)
    if missing:
        await _add_attributes(client, missing)
        yield f"added the search attributes {', '.join(sorted(missing))}"
    else:
        yield f"its {len(ALL_ATTRIBUTES)} search attributes are there"
    if installation is None:
        made = await schedule_repair(client, every=repair_every)
    else:
        made = await claim_namespace(client, installation, repair_every=repair_every)
    yield f"made the schedule {SCHEDULE_ID}" if made else f"the schedule {SCHEDULE_ID} is there"


async def _register(client: Client) -> None:
    """Another process may do so at the same moment."""
    request = RegisterNamespaceRequest(namespace=client.namespace)
    request.workflow_execution_retention_period.FromTimedelta(RETENTION)
    try:
        await client.workflow_service.register_namespace(request, timeout=CALL_TIMEOUT)
    except RPCError as refused:
        if refused.status in INSPECTION_DENIED:
            raise TemporalMisconfigured(
                f"TEMPORAL_NAMESPACE: there is no namespace {client.namespace}, and it cannot be made from here: "
                f"`{namespace_create_command(client.namespace)}`"
            ) from refused
        if refused.status is not RPCStatusCode.ALREADY_EXISTS:
            raise
    await _until(lambda: _serves_namespace(client))


async def _serves_namespace(client: Client) -> bool:
    """Whether every part of the server knows it: one that is described may still be unknown to the others."""
    try:
        request = ListWorkflowExecutionsRequest(namespace=client.namespace, page_size=1)
        await client.workflow_service.list_workflow_executions(request)
    except RPCError as unknown:
        if unknown.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return await has_namespace(client)


async def _add_attributes(client: Client, missing: frozenset[str]) -> None:
    types: dict[str, IndexedValueType.ValueType] = {
        key.name: key.indexed_value_type  # type: ignore[misc]
        for key in ALL_ATTRIBUTES
        if key.name in missing
    }
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=types)
    try:
        await client.operator_service.add_search_attributes(request, timeout=CALL_TIMEOUT)
    except RPCError as refused:
        if refused.status in INSPECTION_DENIED:
            commands = "; ".join(commands_that_add(missing, namespace=client.namespace))
            raise TemporalMisconfigured(
                f"TEMPORAL_NAMESPACE: {client.namespace} lacks {', '.join(sorted(missing))}, "
                f"and they cannot be added from here: `{commands}`"
            ) from refused
        if refused.status is not RPCStatusCode.ALREADY_EXISTS:
            raise
    await _until(lambda: _has_attributes(client))


async def _has_attributes(client: Client) -> bool:
    return not await missing_attributes(client)


async def _until(is_visible: Callable[[], Awaitable[bool]]) -> None:
    """Raises TimeoutError when it is not seen after VISIBLE_AFTER."""
    deadline = time.monotonic() + VISIBLE_AFTER.total_seconds()
    while not await is_visible():
        if time.monotonic() > deadline:
            raise TimeoutError("Temporal does not show what was made.")
        await asyncio.sleep(PAUSE.total_seconds())
