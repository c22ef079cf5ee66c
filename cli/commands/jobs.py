"""`aijobs jobs`, and what is done with one of them: its outputs saved, its page opened."""

import asyncio
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
from rich.text import Text

from aijobs.domain.lifecycle import JobStatus
from cli import console
from cli.api_client import Document
from cli.errors import CommandError, Exit
from cli.options import (
    ApiOptions,
    AsJson,
    DataDir,
    JobCode,
    Key,
    Url,
    User,
    api_url,
    complete_models,
    complete_statuses,
    load_settings,
    past_moment,
)

MAX_PAGE: Final = 100

SearchText = Annotated[
    str | None,
    typer.Option(
        "--search",
        "--find",
        metavar="TEXT",
        help="The beginning or the end of a code, a whole id at the provider, or a part of the parameters, the "
        "metadata, the error or a file's name.",
    ),
]

StatusName = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only jobs in this status, e.g. PROCESSING.", autocompletion=complete_statuses),
]
ModelId = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Only jobs of this model_id.", autocompletion=complete_models)
]


def jobs(
    status: StatusName = None,
    model: ModelId = None,
    search: SearchText = None,
    error: Annotated[
        str | None, typer.Option(metavar="CODE", help="Only jobs that ended with this error, e.g. provider_rejected.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only newer ones: 90m, 2h, 3d, or a time as for --start-at.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only older ones, in the same way.")] = None,
    cursor: Annotated[
        str | None, typer.Option(metavar="CODE", help="The next page: behind this job, as the page before said.")
    ] = None,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first.")] = False,
    codes: Annotated[
        bool, typer.Option("--codes", help="Only their codes, one a line, of all that there are: for `xargs`.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many.")] = 20,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """List and search jobs, newest first."""
    query = {
        "status": _status_name(status),
        "model": model,
        "q": search,
        "error": error,
        "sort": "create_time" if oldest else None,
        "created_after": past_moment(since),
        "created_before": past_moment(until),
        "cursor": cursor,
        "limit": MAX_PAGE if codes else limit,
    }
    options = ApiOptions(url, key, user, data_dir)
    if codes:
        asyncio.run(_print_codes(options, query))
        return
    page = options.call(lambda api: api.get("/api/jobs", query))
    if as_json:
        console.show_json(page)
    else:
        _show_jobs(page)


def download(
    code: JobCode,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; it is made if it is not there.")] = Path(),
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Save the outputs of a job. A file appears when its size and SHA-256 are right, or not at all."""

    async def save() -> None:
        async with ApiOptions(url, key, user, data_dir).api() as api:
            show_saved(await api.download(code, folder))

    asyncio.run(save())


def show_saved(files: Sequence[Path]) -> None:
    """Where they are."""
    for file in files:
        console.say(console.OK, console.short(file), Text(console.size(file.stat().st_size), style="dim"))


def open_page(code: JobCode, url: Url = None, data_dir: DataDir = None) -> None:
    """Open a job's page in the browser, and print its address."""
    address = f"{(url or api_url(load_settings(data_dir))).rstrip('/')}/jobs/{quote(code, safe='')}"
    console.say(address, indent=0)
    webbrowser.open(address)


async def _print_codes(options: ApiOptions, query: Mapping[str, Any]) -> None:
    async with options.api() as api:
        cursor: str | None = None
        while True:
            page = await api.get("/api/jobs", {**query, "cursor": cursor})
            for job in page["data"]:
                console.say(job["code"], indent=0)
            if not page["has_more"]:
                return
            cursor = page["next_cursor"]


def _show_jobs(page: Document) -> None:
    if page["data"]:
        columns = ("CODE", "AGE", "STATUS", "MODEL", "USER")
        console.show_table(columns, map(_job_row, page["data"]), right=("AGE",), widest={"USER": 16})
    else:
        console.say("No jobs among those that were searched." if page["has_more"] else "No jobs.")
    if page["has_more"]:
        console.say(Text(f"There are more: --cursor {page['next_cursor']}", style="dim"))


def _status_name(name: str | None) -> str | None:
    if name is None or name.upper() in JobStatus.__members__:
        return name and name.upper()
    raise CommandError(f"There is no status {name!r}.", hint=", ".join(JobStatus.__members__), code=Exit.USAGE)


def _job_row(job: Document) -> tuple[str | Text, ...]:
    status = JobStatus(job["job_status"])
    text = console.status_text(status)
    if not status.is_final:
        text.append(f" {console.percent(job['overall_progress'])}", style="dim")
    began = job.get("req_time") or job.get("create_time")
    return job["code"], console.age(began), text, job["model_id"], str(job["user_id"])
