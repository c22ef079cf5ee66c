"""`aijobs logs`: what has happened to a job, line by line; without a job, what the installation's processes log."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer
from rich.text import Text

from aijobs.domain.jobs.events import EventKind, JobEvent
from cli import console
from cli.api_client import ApiClient, Document, api_path
from cli.embedded.services import LOGS
from cli.errors import CommandError, Exit
from cli.options import ApiOptions, AsJson, DataDir, Key, Url, User, complete_jobs, load_settings
from cli.progress_view import waits_for

POLL_SECONDS: Final = 0.3
LAST_BYTES: Final = 256 * 1024  #: of each file, to look for its last lines in

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on, until the job ends, or until Ctrl-C.")]


def logs(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="[CODE]", help="The job's code. Without one: the log of `aijobs up`.", autocompletion=complete_jobs
        ),
    ] = None,
    follow: Follow = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Without a job: the last ones.")] = 50,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Show what happened to a job, and what its vendor logged; or what the processes of `aijobs up` log here.

    With --json, each event of a job is one line.
    """
    if code is None:
        _show_files(load_settings(data_dir).data_dir / LOGS, lines, follow=follow)
    else:
        asyncio.run(_show_job(ApiOptions(url, key, user, data_dir), code, follow=follow, as_json=as_json))


def event_row(event: JobEvent) -> tuple[str | Text, ...]:
    """An event as one line: when, the status or the kind, how far, and what else it says."""
    unit = "" if event.unit_progress is None else f"{event.unit_progress:.0f} %"
    name = event.job_status_name if event.kind is not EventKind.NOTE else "note"
    return Text(console.local_time(event.at.isoformat()), style="dim"), f"{name:<10}", f"{unit:>5}", _words(event)


async def _show_job(options: ApiOptions, code: str, *, follow: bool, as_json: bool) -> None:
    async with options.api() as api:
        if follow:
            await _follow(api, code, as_json=as_json)
        else:
            for event in await api.history(code):
                _show_event(event, as_json=as_json)
        if not as_json:
            _show_vendors_log(await api.get(api_path("jobs", code), {"expand": "exchange"}))


async def _follow(api: ApiClient, code: str, *, as_json: bool) -> None:
    await api.get(api_path("jobs", code))  # fails at once when there is none
    try:
        async for event in api.events(code, after=0, on_lost=lambda reason: console.warn(f"{reason} Trying again.")):
            _show_event(event, as_json=as_json)
    except asyncio.CancelledError:  # Ctrl-C
        console.warn(Text(f"The job goes on: aijobs logs -f {code}", style="dim"))
        raise


def _show_event(event: JobEvent, *, as_json: bool) -> None:
    if as_json:
        console.show_json(event.model_dump(mode="json"))
    else:
        console.say(*event_row(event), indent=0)


def _show_vendors_log(job: Document) -> None:
    answer = job.get("resp_json")
    text = answer.get("logs") if isinstance(answer, dict) else None
    if not isinstance(text, str) or not text.strip():
        return
    console.say("")
    console.say(Text("The vendor's log", style="dim"), indent=0)
    for line in text.strip().splitlines():
        console.say(line, indent=0)


def _words(event: JobEvent) -> str:
    detail: Mapping[str, Any] = event.detail
    if error := detail.get("error"):
        return f"{error['message']} ({error['stage']}, {error['code']})"
    waits = waits_for(detail.get("waiting")) if "waiting" in detail else ""
    rest = {name: value for name, value in detail.items() if name != "waiting" and value is not None}
    return "  ".join(filter(None, (waits, *(f"{name}={_value(value)}" for name, value in rest.items()))))


def _value(value: object) -> str:
    return value if isinstance(value, str) else console.compact(value)


def _show_files(folder: Path, lines: int, *, follow: bool) -> None:
    """The last lines of each process's log, then what they add."""
    files = sorted(folder.glob("*.log"))
    if not files:
        raise CommandError(
            f"There are no logs in {console.short(folder)}.", hint="`aijobs up` writes them.", code=Exit.NOT_FOUND
        )
    opened = {file.stem: file.open("rb") for file in files}
    try:
        for name, file in opened.items():
            for line in _last_lines(file, lines):
                _show_line(name, line)
        while follow:
            for name, file in opened.items():
                for line in _new_lines(file):
                    _show_line(name, line)
            time.sleep(POLL_SECONDS)
    finally:
        for file in opened.values():
            file.close()


def _last_lines(file: IO[bytes], count: int) -> list[bytes]:
    size = file.seek(0, 2)
    file.seek(max(0, size - LAST_BYTES))
    if size > LAST_BYTES:
        file.readline()  # the rest of a line whose beginning is not read
    whole = list(_new_lines(file))
    return whole[-count:] if count else []


def _new_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The whole lines behind the file's position; the beginning of one stays for the next time."""
    while line := file.readline():
        if not line.endswith(b"\n"):
            file.seek(-len(line), 1)
            return
        yield line


def _show_line(name: str, line: bytes) -> None:
    console.say(Text(f"{name:<7}", style="dim"), line.decode("utf-8", "replace").rstrip("\n"), indent=0)
