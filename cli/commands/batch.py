"""`aijobs batch`: thousands of jobs of one model, out of a file or a folder."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from aijobs.domain.jobs.batches.batch import Reserve
from aijobs.domain.lifecycle import JobStatus
from cli import console
from cli.api_client import ApiClient, Document, api_path
from cli.commands.batch_rows import Folder, rows_of
from cli.commands.submit import read_params
from cli.errors import CommandError, Exit
from cli.options import ApiOptions, AsJson, DataDir, ExpiresAt, Key, StartAt, Url, User, moment

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at a batch that is followed."""

BatchCode = Annotated[str, typer.Argument(metavar="CODE", help="The batch's code: batch_…")]

RowsFile = Annotated[
    Path, typer.Argument(metavar="FILE|FOLDER", help="Rows as CSV or JSON Lines; or a folder of files to upload.")
]
Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="NAME=VALUE",
        help="A parameter of every row; {{column}} in it is a cell of the row. Repeatable.",
    ),
]
FileParam = Annotated[str | None, typer.Option(metavar="NAME", help="For a folder: the parameter that names the file.")]
IdempotencyKey = Annotated[
    str | None, typer.Option(help="The same key and rows again: the first answer again, no second batch.")
]

batch = typer.Typer(help="Thousands of jobs of one model: run, show, list, steer, collect.", no_args_is_help=True)


@batch.command()
def run(
    file: RowsFile,
    model: Annotated[str, typer.Option("--model", "-m", metavar="MODEL", help="A model_id of `aijobs models`.")],
    param: Params = None,
    file_param: FileParam = None,
    concurrency: Annotated[int, typer.Option("--concurrency", "-c", help="Jobs at the same time.")] = 5,
    start_at: StartAt = None,
    expires_at: ExpiresAt = None,
    reserve: Annotated[
        Reserve, typer.Option(help="Points: all of them now, or a row's when it starts.")
    ] = Reserve.WHOLE,
    idempotency_key: IdempotencyKey = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end.")] = False,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Run a model for every row of a file, or for every file of a folder.

    Every row is checked first: when one is wrong, it is named, and nothing runs.
    """
    head: dict[str, Any] = {
        "params": _params(param or ()),
        "concurrency": concurrency,
        "reserve": reserve.value,
        "start_at": moment(start_at),
        "expires_at": moment(expires_at),
        "user_id": user,
    }

    async def submit() -> Exit:
        async with ApiOptions(url, key, user, data_dir).api() as api:
            folder = Folder(model=model, file_param=file_param, idempotency_key=idempotency_key)
            async with rows_of(api, file.expanduser(), folder) as rows:
                made = await api.submit_batch(model, rows, head, idempotency_key=idempotency_key)
            _show_accepted(made, as_json=as_json, will_follow=watch)
            return await _follow(api, made["code"], as_json=as_json) if watch else Exit.SUCCESS

    raise typer.Exit(asyncio.run(submit()))


@batch.command()
def show(
    code: BatchCode,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end.")] = False,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Show how a batch stands.

    With --watch the exit code is 1 when a row did not succeed; with --json too, each change is one line.
    """
    options = ApiOptions(url, key, user, data_dir)

    async def follow() -> Exit:
        async with options.api() as api:
            return await _follow(api, code, as_json=as_json)

    if watch:
        raise typer.Exit(asyncio.run(follow()))
    _show(options.call(lambda api: api.get(api_path("batches", code))), as_json=as_json)


@batch.command(name="list")
def list_batches(
    cursor: Annotated[str | None, typer.Option(metavar="CODE", help="The next page: behind this batch.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many, newest first.")] = 20,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """List batches, newest first."""
    query = {"cursor": cursor, "limit": limit}
    page = ApiOptions(url, key, user, data_dir).call(lambda api: api.get("/api/batches", query))
    if as_json:
        console.show_json(page)
    elif not page["data"]:
        console.say("No batches.")
    else:
        columns = ("CODE", "STATUS", "ENDED", "ROWS", "MODEL", "USER", "BEGAN")
        console.show_table(columns, map(_row, page["data"]), right=("ENDED", "ROWS"))
        if page["has_more"]:
            console.say(Text(f"There are more: --cursor {page['next_cursor']}", style="dim"))


def _steering(act: str, said: str, description: str) -> Callable[..., None]:
    def command(
        code: BatchCode,
        as_json: AsJson = False,
        user: User = None,
        url: Url = None,
        key: Key = None,
        data_dir: DataDir = None,
    ) -> None:
        path = api_path("batches", code, act)
        answer = ApiOptions(url, key, user, data_dir).call(lambda api: api.post(path, {}))
        if as_json:
            console.show_json(answer)
        else:
            console.say(Text(code, style="bold"), said.format(**answer))

    command.__doc__ = description
    return command


batch.command("pause")(_steering("pause", "pauses: what runs goes on.", "Start nothing more until it is resumed."))
batch.command("resume")(_steering("resume", "goes on.", "Go on with a batch that pauses."))
batch.command("cancel")(_steering("cancel", "is canceled.", "Start nothing more, and cancel what runs."))
batch.command("rerun")(_steering("rerun", "runs {rows} rows again.", "Run what failed again, as new, charged jobs."))


@batch.command()
def results(
    code: BatchCode,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="PATH", help="Default: CODE.zip, .csv or .jsonl, here.")
    ] = None,
    as_: Annotated[Literal["zip", "csv", "jsonl"], typer.Option("--as", help="What kind of file.")] = "zip",
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Save a batch's results: every file in one ZIP, or a table of them."""
    path = to or Path(f"{code}.{as_}")

    async def save(api: ApiClient) -> Document:
        await api.save_results(code, path, as_)
        return {}

    ApiOptions(url, key, user, data_dir).call(save)
    console.say(console.OK, f"{path}  {console.size(path.stat().st_size)}")


def _params(assignments: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """Raises CommandError for a file, which would be every row's."""
    params = read_params(assignments)
    if files := [name for name, value in params.items() if isinstance(value, Path)]:
        hint = "Upload it once, and name its code; or give a folder of files instead of the rows."
        raise CommandError(f"--param {files[0]} names a file here.", hint=hint, code=Exit.USAGE)
    return params


def _show_accepted(made: Document, *, as_json: bool, will_follow: bool) -> None:
    if as_json:
        console.show_json(made)
        return
    console.say(Text(made["code"], style="bold"), f"{made['total']} rows, {made['points']} points")
    if not will_follow:
        console.say(Text(f"aijobs batch show {made['code']} --watch", style="dim"))


async def _follow(api: ApiClient, code: str, *, as_json: bool) -> Exit:
    try:
        return await _follow_to_the_end(api, code, as_json=as_json)
    except asyncio.CancelledError:  # Ctrl-C
        console.warn(Text(f"The batch goes on: aijobs batch show {code} --watch", style="dim"))
        raise


async def _follow_to_the_end(api: ApiClient, code: str, *, as_json: bool) -> Exit:
    """Show the progress until the end: on a terminal as one bar, elsewhere a line whenever something has ended."""
    columns = (BarColumn(bar_width=40), TaskProgressColumn(), TextColumn("{task.description}"))
    by_lines = as_json or not console.OUT.is_terminal
    with Progress(*columns, console=console.OUT, disable=by_lines) as bar:
        task, last = bar.add_task("", total=None), -1
        while True:
            found = await api.get(api_path("batches", code))
            ended = _ended(found)
            bar.update(task, total=found["total"], completed=ended, description=_line(found))
            if ended != last and by_lines:
                _show_change(found, as_json=as_json)
            last = ended
            if found["ended_at"] is not None:
                break
            await asyncio.sleep(LOOK_EVERY)
    _show(found, as_json=as_json)
    return Exit.SUCCESS if found["counts"].get(JobStatus.SUCCESS.name, 0) == found["total"] else Exit.ERROR


def _show_change(found: Document, *, as_json: bool) -> None:
    """One line. The end is no change: as JSON it is the last line anyhow."""
    if not as_json:
        console.say(f"{_ended(found)}/{found['total']}  {_line(found)}")
    elif found["ended_at"] is None:
        console.show_json(found)


def _show(found: Document, *, as_json: bool) -> None:
    if as_json:
        console.show_json(found)
        return
    console.say(Text(found["code"], style="bold"), found["status"], found["pause_reason"] or "")
    rate = found["rate_per_minute"]
    console.show_pairs(
        [
            ("model", found["model_id"]),
            ("user", found["user_id"] or "each row's own"),
            ("rows", f"{_ended(found)} of {found['total']} ended, {found['waiting']} wait"),
            *((name.lower(), str(count)) for name, count in found["counts"].items()),
            ("at a time", str(found["concurrency"])),
            ("points", f"{found['points']}, of which {found['charged']} charged"),
            ("rate", "" if rate is None else f"{rate:g} a minute"),
            ("starts", console.local_time(found["start_at"])),
            ("ends about", console.local_time(found["estimated_end"])),
            ("ended", console.local_time(found["ended_at"])),
        ]
    )


def _ended(found: Document) -> int:
    return sum(count for name, count in found["counts"].items() if JobStatus[name].is_final)


def _line(found: Document) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in found["counts"].items())
    return f"{found['status']}  {counts}"


def _row(found: Document) -> tuple[str, ...]:
    return (
        found["code"],
        found["status"],
        str(_ended(found)),
        str(found["total"]),
        found["model_id"],
        found["user_id"] or "",
        console.local_time(found["create_time"]),
    )
