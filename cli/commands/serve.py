"""`aijobs worker` and `aijobs api`: one part of an installation, until a signal arrives."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Annotated, Final

import typer

from aijobs.hosts.deployment_check import check_deployment
from aijobs.persistence.private_files import OTHERS
from aijobs.process_tuning import give_back_large_blocks
from aijobs.settings import Settings, variable
from cli import console
from cli.errors import CommandError
from cli.options import DataDir, load_settings
from cli.signals import stop_on_signal
from cli.terminal_text import one_line

Run = Callable[[Settings, asyncio.Event], Awaitable[None]]

SERVER_SHUTDOWN_TIMEOUT: Final = timedelta(seconds=15)
"""What the API and the sandbox have to finish the requests that are under way."""

WORKER_MARGIN: Final = timedelta(seconds=3)
"""What a worker may take beyond its shutdown patience, whatever is away. What it has begun is then found by others."""

TEMPORAL_CONNECT_TIMEOUT: Final = timedelta(seconds=10)
"""How long a worker waits for a Temporal that is still starting."""


def worker(
    queues: Annotated[
        str | None,
        typer.Option(metavar="ROLE,…", help="Only these: workflows, providers, migration, webhooks. Default: all."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            metavar="BUILD",
            help="The version of its code: a running job stays with the one that began it. See `versions`.",
        ),
    ] = None,
    healthcheck: Annotated[
        bool, typer.Option("--healthcheck", help="Run none: say whether the one that writes the health file is well.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Run a worker, which carries jobs out. Any number of them may run, on any number of hosts."""
    if version is not None:
        os.environ[variable("worker", "version")] = version
    settings = load_settings(data_dir)
    if healthcheck:
        _report_health(settings)
        return
    from workflows.task_queues import ROLES  # the readers of jobs need not load Temporal

    task_queues = _task_queues(queues, ROLES)
    _check_deployment(settings)

    async def run(settings: Settings, stop: asyncio.Event) -> None:
        from cli.embedded.temporal_client import connected_temporal, is_healthy
        from cli.workers.health import health_written
        from worker import run_worker

        client = await connected_temporal(settings.payloads.ring, timeout=TEMPORAL_CONNECT_TIMEOUT)
        async with AsyncExitStack() as running:
            if (path := settings.worker.health_file) is not None:
                await running.enter_async_context(health_written(path, partial(is_healthy, client), queues=task_queues))
            await run_worker(settings, stop, queues=task_queues)

    serve(run, settings, shutdown_timeout=settings.worker.shutdown_patience + WORKER_MARGIN)


def _task_queues(written: str | None, roles: Mapping[str, str]) -> tuple[str, ...]:
    """The queues of these roles, which may also be named themselves. Raises CommandError."""
    names = [name.strip() for name in written.split(",")] if written else list(roles)
    queues = tuple(dict.fromkeys(roles.get(name, name) for name in names))
    if unknown := set(queues) - set(roles.values()):
        raise CommandError(f"There is no queue {', '.join(sorted(unknown))}.", hint=", ".join(roles))
    return queues


def _report_health(settings: Settings) -> None:
    """Raises CommandError when the worker is not well."""
    from cli.workers.health import health_problem

    name = variable("worker", "health_file")
    if settings.worker.health_file is None:
        raise CommandError(f"{name} is not set.", hint="Give the worker and its health check the same file.")
    if problem := health_problem(settings.worker.health_file):
        raise CommandError(problem)
    console.say(console.OK, "The worker is well.")


def api(data_dir: DataDir = None) -> None:
    """Run the HTTP API. Any number of them may run."""
    from api.app import run_api

    settings = load_settings(data_dir)
    _check_deployment(settings)
    serve(run_api, settings, shutdown_timeout=settings.api.shutdown_notice + SERVER_SHUTDOWN_TIMEOUT)


def _check_deployment(settings: Settings) -> None:
    """Raises SettingsError when this process could not work together with those of other hosts."""
    from workflows.namespace.connection import temporal_connection

    check_deployment(settings, temporal_address=temporal_connection().address)


def serve(run: Run, settings: Settings, *, shutdown_timeout: timedelta = SERVER_SHUTDOWN_TIMEOUT) -> None:
    """Run it until a signal arrives. Raises CommandError when its address cannot be used."""
    from aijobs.logs.pipeline import write_log  # commands that do not serve need not load structlog

    write_log(settings.log, harmless=one_line)
    os.umask(OTHERS)
    give_back_large_blocks()

    async def until_stopped() -> None:
        stop = asyncio.Event()
        stop_on_signal(shutdown_timeout, stop.set)
        await run(settings, stop)

    try:
        asyncio.run(until_stopped())
    except OSError as error:
        raise CommandError(f"This cannot be served: {error}.") from error
