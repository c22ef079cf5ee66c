"""Checks Temporal and the workers: namespace, search attributes, and who polls the task queues."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from temporalio.service import RPCError

from aijobs.bootstrap import known_installation
from aijobs.domain.errors import PayloadUnreadable, TemporalMisconfigured
from aijobs.settings import Settings
from cli.doctor.checks import HTTP_TIMEOUT
from cli.doctor.report import Finding, broken, doubtful, fine, off
from cli.embedded.temporal_client import TLS_HINT, connect_unchecked, namespace_create_command
from cli.errors import NAMESPACE_TAKEN_HINT, CommandError
from cli.options import api_url, use_running_temporal
from workflows.namespace.connection import temporal_address, temporal_connection
from workflows.namespace.health import EngineHealth, commands_that_add, examine
from workflows.namespace.schedules import SCHEDULE_ID, schedule_problem

RENEW_BEFORE: Final = timedelta(days=14)


async def temporal(settings: Settings) -> AsyncIterator[Finding]:
    is_named = use_running_temporal(settings)
    try:
        client = await connect_unchecked(settings.payloads.ring)
        health, repair = await examine(client), await schedule_problem(client, SCHEDULE_ID)
    except PayloadUnreadable as unreadable:
        yield broken("Temporal", str(unreadable), "Give every process the keys that were used before, too.")
        return
    except (CommandError, RPCError) as unreachable:
        if isinstance(unreachable.__cause__, TemporalMisconfigured):
            yield broken("Temporal", str(unreachable), TLS_HINT)
        elif not is_named:
            yield off("Temporal", "does not run here.", "`aijobs up` starts it; TEMPORAL_ADDRESS names another.")
        else:
            yield broken("Temporal", str(unreachable), "Is TEMPORAL_ADDRESS right, and does it run?")
        return
    installation = await known_installation(settings)
    yield _namespace(health, installation)
    if not health.has_namespace or health.owner_problem(installation):
        return
    repairing = _repair(repair if installation else None)
    for finding in (*_certificate(), *repairing, *_workers(health, api_is_up=await _api_is_up(settings))):
        yield finding


def _namespace(health: EngineHealth, installation: str | None) -> Finding:
    where = f"{temporal_address()}, namespace {health.namespace}"
    if not health.has_namespace:
        hint = "Or is TEMPORAL_NAMESPACE another?"
        return broken("Temporal", f"{where} does not exist.", namespace_create_command(health.namespace), hint)
    if problem := health.owner_problem(installation):
        return broken("Temporal", problem, NAMESPACE_TAKEN_HINT)
    if missing := health.missing_attributes:
        commands = commands_that_add(missing, namespace=health.namespace)
        return broken("Temporal", f"{where} lacks {', '.join(sorted(missing))}.", *commands)
    return fine("Temporal", where)


def _certificate() -> Iterator[Finding]:
    expires_at = temporal_connection().expires_at
    if expires_at is not None and expires_at - datetime.now(UTC) < RENEW_BEFORE:
        message = f"The client certificate for Temporal expires on {expires_at:%Y-%m-%d %H:%M} UTC."
        yield doubtful("Temporal", message, "Put a new one in its place, and restart every role, one after the other.")


def _repair(problem: str | None) -> Iterator[Finding]:
    if problem:
        resume = f"temporal schedule toggle --unpause --schedule-id {SCHEDULE_ID} --reason 'repair is needed'"
        yield doubtful("Repair", problem, "A worker makes a missing one when it starts. If it is paused:", resume)


def _workers(health: EngineHealth, *, api_is_up: bool) -> Iterator[Finding]:
    """Without workers, tasks and an API, the installation is off, not broken."""
    problems = [problem for queue in health.queues if (problem := queue.problem())]
    if not problems:
        tasks = sum(queue.backlog for queue in health.queues)
        yield fine("Workers", f"poll all {len(health.queues)} task queues; {tasks} tasks wait")
    elif not api_is_up and all(queue.last_poll_age is None and not queue.backlog for queue in health.queues):
        yield off("Workers", "do not run.", "`aijobs up` starts one; `aijobs worker` another.")
    else:
        for problem in problems:
            yield broken("Workers", problem, "Start it again: `aijobs worker`. Its log says more.")


async def _api_is_up(settings: Settings) -> bool:
    try:
        async with httpx.AsyncClient(timeout=HTTP_TIMEOUT, trust_env=False) as http:
            return (await http.get(f"{settings.cli.url or api_url(settings)}/healthz")).is_success
    except httpx.HTTPError:
        return False
