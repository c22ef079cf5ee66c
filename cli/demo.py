"""`aijobs demo`: one photo upscaled, from nothing to the result, leaving nothing running."""

import asyncio
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import typer
from PIL import Image
from rich.text import Text

from cli import screen
from cli.client import Document, opened_api
from cli.embedded import Installation
from cli.errors import CommandError, Exit
from cli.following import EXIT_OF, follow
from cli.options import DataDir, api_key
from cli.parts import Plan
from cli.ports import free_ports
from cli.signals import until_told
from cli.story import opened_story
from cli.up import DEFAULT_DIR, UI_PORT, announced_installation
from domain.lifecycle import JobStatus

HERE: Final = Path(__file__).parent
PHOTO: Final = HERE / "sample.jpg"
CATALOGUE: Final = HERE / "demo.toml"
MODEL: Final = "replicate_imageupscale_v1"
FACTOR: Final = 2
PACE: Final = ("--queue-seconds", "1.5", "--work-seconds", "4")
PATIENCE: Final = timedelta(minutes=3)


@dataclass(frozen=True)
class Picture:
    """A picture file, measured."""

    path: Path
    width: int
    height: int
    size: int

    @classmethod
    def at(cls, path: Path) -> "Picture":
        with Image.open(path) as picture:
            return cls(path, picture.width, picture.height, path.stat().st_size)

    def __str__(self) -> str:
        return f"{screen.pixels(self.width, self.height):<10} {screen.size(self.size):>7}"


def demo(data_dir: DataDir = None) -> None:
    """Upscale a photo, from nothing to the result.

    Starts everything on free ports, shows every status as it happens, and stops everything. Uses the
    sandbox, whatever is set: it costs nothing and touches no other installation. The result stays.
    """
    began = time.monotonic()
    folder = (data_dir or DEFAULT_DIR / "demo").resolve()
    _forget_settings()
    job = asyncio.run(until_told(_run(folder)))
    if job is None:
        raise typer.Exit(Exit.INTERRUPTED)
    _show_result(folder, job, took=time.monotonic() - began)


def _forget_settings() -> None:
    """A demo must neither spend money nor write into anybody's database."""
    for name in [name for name in os.environ if name.startswith(("AIJOBS_", "TEMPORAL_"))]:
        del os.environ[name]
    os.environ["AIJOBS_CATALOGUE"] = str(CATALOGUE)
    os.environ["AIJOBS_POINTS__DAILY_LIMIT"] = str(10**9)


async def _run(folder: Path) -> Document:
    api_port, temporal_port, ui_port, sandbox_port = free_ports(4)
    plan = Plan(
        data_dir=folder,
        api_port=api_port,
        temporal_port=temporal_port,
        ui_port=ui_port,
        sandbox_port=sandbox_port,
        sandbox_pace=PACE,
    )
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()), announced_installation(plan) as installation:
            return await _upscale(installation)
    except TimeoutError as too_slow:
        raise CommandError(
            f"The demo is not done after {screen.seconds(PATIENCE.total_seconds())}.",
            hint=f"The logs are in {screen.short(folder / 'logs')}.",
        ) from too_slow


async def _upscale(installation: Installation) -> Document:
    async with opened_api(url=installation.plan.api_url, key=api_key(installation.settings)) as api:
        file = await api.upload(PHOTO)
        params = {"image": file["code"], "upscale_factor": FACTOR}
        accepted = await api.post("/api/jobs", {"model_id": MODEL, "params": params})
        screen.say("")
        screen.say(Text(accepted["code"], style="bold"), f"{accepted['model_name']} ×{FACTOR}: {PHOTO.name}")
        screen.say("")
        with opened_story() as story:
            job = await follow(api, accepted["code"], story)
    status = JobStatus(job["job_status"])
    if status is not JobStatus.SUCCESS:
        reason = (job.get("error") or {}).get("message", "no reason is given")
        raise CommandError(f"The job ended {status.name}: {reason}", code=EXIT_OF[status])
    return job


def _show_result(folder: Path, job: Document, *, took: float) -> None:
    results = sorted((folder / "store" / "outputs" / job["code"]).iterdir())
    before, after = Picture.at(PHOTO), Picture.at(results[0])
    web_ui = f"http://127.0.0.1:{UI_PORT}/namespaces/default/workflows/{job['code']}"
    screen.say("")
    screen.show_pairs(
        [
            ("Before", f"{before}   {screen.short(before.path)}"),
            ("After", f"{after}   {screen.short(after.path)}"),
            ("Took", f"{screen.seconds(job['cost_time'])} the job, {screen.seconds(took)} with starting and stopping"),
            ("Web UI", Text(web_ui, style="cyan")),
            ("", Text(f"only while `aijobs up --data-dir {screen.short(folder)}` runs", style="dim")),
        ]
    )
    screen.say("")
    screen.say(screen.OK, "Nothing is left running.")
