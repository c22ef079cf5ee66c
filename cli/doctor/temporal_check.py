"""Temporal and our workers: whether it answers, knows our namespace and search attributes, and who polls its queues."""

import os
from collections.abc import AsyncIterator, Iterator

import httpx
from temporalio.service import RPCError

from aijobs.settings import Settings
from cli.doctor.checks import PATIENCE
from cli.doctor.report import Finding, broken, fine, off
from cli.embedded.temporal_client import command_that_makes, unchecked_temporal
from cli.errors import CommandError
from cli.options import api_url
from workflows.health import EngineHealth, commands_that_add, examine


async def temporal(settings: Settings) -> AsyncIterator[Finding]:
    wanted = os.environ.get("TEMPORAL_ADDRESS")
    try:
        found = await examine(await unchecked_temporal())
    except (CommandError, RPCError) as unreachable:
        if wanted is None:
            yield off("Temporal", "does not run here.", "`aijobs up` starts it; TEMPORAL_ADDRESS names another.")
        else:
            yield broken("Temporal", str(unreachable), "Is TEMPORAL_ADDRESS right, and does it run?")
        return
    where = f"{wanted or '127.0.0.1:7233'}, namespace {found.namespace}"
    if not found.has_namespace:
        hint = "Or is TEMPORAL_NAMESPACE another?"
        yield broken("Temporal", f"{where} does not exist.", command_that_makes(found.namespace), hint)
        return
    if found.missing_attributes:
        lacking = ", ".join(sorted(found.missing_attributes))
        yield broken("Temporal", f"{where} lacks {lacking}.", *commands_that_add(found.missing_attributes))
    else:
        yield fine("Temporal", where)
    for finding in _workers(found, api_answers=await _api_answers(settings)):
        yield finding


def _workers(found: EngineHealth, *, api_answers: bool) -> Iterator[Finding]:
    """Without any worker, any task and an API nothing is meant to run yet."""
    problems = [problem for queue in found.queues if (problem := queue.problem())]
    if not problems:
        tasks = sum(queue.backlog for queue in found.queues)
        yield fine("Workers", f"poll all {len(found.queues)} task queues; {tasks} tasks wait")
    elif not api_answers and all(queue.last_poll_age is None and not queue.backlog for queue in found.queues):
        yield off("Workers", "do not run.", "`aijobs up` starts one; `aijobs worker` another.")
    else:
        for problem in problems:
            yield broken("Workers", problem, "Start it again: `aijobs worker`. Its log says more.")


async def _api_answers(settings: Settings) -> bool:
    try:
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            return (await http.get(f"{settings.cli.url or api_url(settings)}/healthz")).is_success
    except httpx.HTTPError:
        return False
