"""`aijobs up`: everything on this machine, until Ctrl-C."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from shlex import quote
from shutil import which
from typing import Annotated, Final

import typer
from rich.style import Style
from rich.text import Text

from aijobs.settings import Settings
from cli import console
from cli.embedded.installation import Installation, running_installation
from cli.embedded.processes import kill_all
from cli.embedded.services import ServicePlan
from cli.embedded.supervision import Service
from cli.options import DataDir, load_settings
from cli.signals import run_until_signal

DEFAULT_DIR: Final = Path(".aijobs")
NAME: Final = "aijobs"
TEMPORAL_PORT: Final = 7233
UI_PORT: Final = 8233
SANDBOX_PORT: Final = 9400
UPSCALE: Final = "replicate_imageupscale_v1"

#: Slow enough that the first poll finds a job in the queue, and every status is seen.
SANDBOX_PACE: Final = ("--queue-seconds", "2.5", "--work-seconds", "5")


def up(
    data_dir: DataDir = None,
    api_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The API. Default: AIJOBS_API__PORT or 8080.")
    ] = None,
    temporal_port: Annotated[int, typer.Option(min=1, max=65535, help="Temporal's gRPC.")] = TEMPORAL_PORT,
    ui_port: Annotated[int, typer.Option(min=1, max=65535, help="Temporal's Web UI.")] = UI_PORT,
    sandbox_port: Annotated[int, typer.Option(min=1, max=65535, help="The sandbox, if it is needed.")] = SANDBOX_PORT,
) -> None:
    """Run everything on this machine, until Ctrl-C.

    That is Temporal with its Web UI, a worker, the API, and the sandbox when no provider has a key. All
    data is in one folder; the next start continues every job. With TEMPORAL_ADDRESS set, that Temporal is used.
    """
    settings = load_settings(data_dir)
    plan = ServicePlan(
        data_dir=settings.data_dir.resolve(),
        api_port=api_port or settings.api.port,
        temporal_port=temporal_port,
        ui_port=ui_port,
        sandbox_port=sandbox_port,
        sandbox_pace=SANDBOX_PACE,
        is_encrypted=settings.payloads.ring is not None,
    )
    asyncio.run(run_until_signal(_stay_up(plan), on_second_signal=kill_all))
    console.say("Stopped.", Text("Unfinished jobs continue at the next `aijobs up`.", style="dim"))


async def _stay_up(plan: ServicePlan) -> None:
    async with announced_installation(plan) as installation:
        _summarise(installation)
        await asyncio.Event().wait()


@asynccontextmanager
async def announced_installation(plan: ServicePlan) -> AsyncIterator[Installation]:
    """A running installation; its start and stop are printed on the terminal."""
    console.say("")
    async with AsyncExitStack() as running:
        with console.OUT.status(Text("Starting …", style="dim")):
            installation = await running.enter_async_context(running_installation(plan, StartupAnnouncer()))
        try:
            yield installation
        finally:
            console.say("")
            console.say(Text("Stopping …", style="dim"))


class StartupAnnouncer:
    """Prints which services start and fail."""

    def upgraded(self, line: str) -> None:
        console.say(console.OK, "Database  ", Text(line, style="dim"))

    def started(self, service: Service) -> None:
        console.say(console.OK, f"{service.name:<10}", Text(service.where, style="cyan"))

    def problem(self, line: str) -> None:
        console.say(console.DOUBT, line)


def first_command(settings: Settings) -> str:
    """What to try: the model that takes any photo, where its provider has a key, or the sandbox's."""
    is_configured = settings.has_key(settings.load_catalogue().model(UPSCALE).provider)
    return f"submit {UPSCALE} --image PHOTO.jpg --watch" if is_configured else "models"


def _program() -> str:
    """How this command is called again: by its name where a shell finds it, else by its path."""
    path = Path(sys.argv[0])
    return console.short(path) if path.name == NAME and which(NAME) is None else NAME


def _summarise(installation: Installation) -> None:
    plan = installation.plan
    console.say("")
    console.show_pairs(
        [
            ("Dashboard", Text(plan.api_url, style="cyan")),
            ("API docs", Text(f"{plan.api_url}/docs", style="cyan")),
            (
                "Temporal",
                Text(plan.ui_url, style=Style(color="cyan", link=plan.jobs_url)) if installation.own_temporal else "",
            ),
            ("Temporal", "" if installation.own_temporal else os.environ["TEMPORAL_ADDRESS"]),
            ("Key", f"{console.short(installation.key_file)} (signs you in)"),
            ("Data", console.short(plan.data_dir)),
            ("Logs", console.short(installation.logs)),
        ]
    )
    console.say("")
    if installation.simulated:
        console.say(
            "No provider of media has a key, so the sandbox stands in for all of them: their jobs cost nothing."
        )
        console.say(Text("AIJOBS_REPLICATE__TOKEN=r8_… aijobs up   uses the real one.", style="dim"))
        console.say("")
    data_dir_option = (
        "" if plan.data_dir == DEFAULT_DIR.resolve() else f" --data-dir {quote(console.short(plan.data_dir))}"
    )
    console.say("In another terminal:")
    for command in (first_command(installation.settings), "jobs"):
        console.say(f"{_program()} {command}{data_dir_option}", indent=4)
    console.say("")
    console.say(Text("Ctrl-C stops everything; the next start continues every job.", style="dim"))
