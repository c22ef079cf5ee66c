"""`aijobs versions`: which version of the workers' code new jobs begin with, and which may be stopped."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Final, TypeVar

import typer
from rich.text import Text
from temporalio.client import Client

from aijobs.domain.jobs.events import rfc3339
from cli import console
from cli.embedded.temporal_client import connected_temporal
from cli.errors import CommandError
from cli.options import AsJson, load_settings
from cli.workers.versions import WorkerVersion, make_current, unpolled_queues, worker_versions

Result = TypeVar("Result")

LOOK_EVERY: Final = timedelta(milliseconds=500)

versions = typer.Typer(
    help="Versions of the workers' code, as `aijobs worker --version BUILD` names them.", no_args_is_help=True
)


@versions.command("list")
def list_versions(as_json: AsJson = False) -> None:
    """List the versions. Workers may be stopped when their version is not current, and no job of it runs."""
    deployment = load_settings().worker.deployment
    found = asyncio.run(_with_temporal(lambda client: worker_versions(client, deployment)))
    if as_json:
        console.show_json({"data": [{**asdict(one), "created_at": rfc3339(one.created_at)} for one in found]})
    else:
        console.show_table(("VERSION", "STATUS", "RUNNING", "SINCE"), map(_row, found))


@versions.command()
def use(
    build_id: Annotated[str, typer.Argument(metavar="BUILD", help="As its workers were started with.")],
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until its workers serve every queue.")] = 60.0,
) -> None:
    """Begin new jobs with this version. Running jobs stay with theirs; everything else moves on."""
    deployment = load_settings().worker.deployment

    async def switch(client: Client) -> None:
        await _until_served(client, deployment, build_id, wait)
        await make_current(client, deployment, build_id)

    asyncio.run(_with_temporal(switch))
    console.say(console.OK, f"New jobs begin with {build_id}.")


async def _until_served(client: Client, deployment: str, build_id: str, seconds: float) -> None:
    """A version without a worker for each queue would leave its jobs waiting. Raises CommandError."""
    ends = time.monotonic() + seconds
    while unpolled := await unpolled_queues(client, deployment, build_id):
        if time.monotonic() >= ends:
            raise CommandError(
                f"No worker of version {build_id} serves {', '.join(sorted(unpolled))}.",
                hint=f"`aijobs worker --version {build_id}` starts one for every queue.",
            )
        await asyncio.sleep(LOOK_EVERY.total_seconds())


async def _with_temporal(work: Callable[[Client], Awaitable[Result]]) -> Result:
    return await work(await connected_temporal())


def _row(version: WorkerVersion) -> tuple[str | Text, ...]:
    style = "green" if version.status == "CURRENT" else "dim"
    since = f"{version.created_at.astimezone():%Y-%m-%d %H:%M}"
    return version.build_id, Text(version.status, style=style), str(version.running), since
