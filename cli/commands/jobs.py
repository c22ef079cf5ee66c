"""Commands that show what the API knows: jobs, one job."""

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
from cli.options import ApiOptions, AsJson, DataDir, JobCode, Key, Url, User, api_url, load_settings, past_moment
from cli.progress_view import waits_for

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


def jobs(
    status: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only jobs in this status, e.g. PROCESSING.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Only jobs of this model_id.")] = None,
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


def show(
    code: JobCode,
    exchange: Annotated[
        bool, typer.Option("--exchange", help="Also what was sent to the provider, and its answer.")
    ] = False,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Show one job."""
    query = {"expand": "exchange"} if exchange else {}
    job = ApiOptions(url, key, user, data_dir).call(lambda api: api.get(f"/api/jobs/{code}", query))
    if as_json:
        console.show_json(job)
    else:
        _show_job(job, exchange=exchange)


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


def _show_job(job: Document, *, exchange: bool) -> None:
    console.say(Text(job["code"], style="bold"), console.status_text(JobStatus(job["job_status"])))
    console.show_pairs(_facts(job))
    for name in ("req_json", "resp_json") if exchange else ():
        console.say("")
        console.say(Text(name, style="dim"))
        console.show_document(job.get(name))


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


def _facts(job: Document) -> list[tuple[str, str | Text]]:
    error = job.get("error")
    unit = job.get("unit_progress")
    return [
        ("model", f"{job['model_name']} {job['model_version']} ({job['model_id']})"),
        ("user", str(job["user_id"])),
        ("progress", console.percent(job["overall_progress"])),
        ("this step", "" if unit is None else console.percent(unit) + _mark(job)),
        ("starts at", console.local_time(job.get("start_at"))),
        ("expires at", console.local_time(job.get("expires_at"))),
        ("began", console.local_time(job.get("req_time") or job.get("create_time"))),
        ("ended", console.local_time(job.get("resp_time"))),
        ("took", _duration(job)),
        ("points", _points(job)),
        ("cost", _cost(job.get("cost"))),
        ("at provider", job.get("out_id") or ""),
        ("waits for", waits_for(job.get("waiting"))),
        ("usually", _estimate(job.get("estimate"))),
        ("error", f"{error['message']} ({error['stage']}, {error['code']})" if error else ""),
        *(("output", _output_line(output)) for output in job.get("outputs") or ()),
    ]


def _output_line(output: Document) -> str:
    dimensions = console.pixels(output.get("width"), output.get("height"))
    duration = (output.get("media") or {}).get("duration")
    lasts = "" if duration is None else console.seconds(duration)
    parts = (output["media_type"], dimensions, lasts, console.size(output["size"]), output["url"])
    return "  ".join(filter(None, parts))


def _points(job: Document) -> str:
    kept = job.get("charged")
    return str(job["points"]) if kept is None else f"{job['points']}, of which {kept} charged"


def _mark(job: Document) -> str:
    return " (estimated)" if job.get("progress_estimated") else ""


def _estimate(estimate: Document | None) -> str:
    """How long such jobs take, and when this one should end."""
    if estimate is None:
        return ""
    usual, slow = console.seconds(estimate["usual_seconds"]), console.seconds(estimate["slow_seconds"])
    ends = estimate.get("estimated_end")
    end = f"this one ends about {console.local_time(ends)}" if ends else "this one takes longer than nearly all"
    return f"{usual}, 90 % within {slow}; {end}"


def _cost(cost: Document | None) -> str:
    return "" if cost is None else f"{cost['amount']} {cost['currency']} at the vendor (by its {cost['source']})"


def _duration(job: Document) -> str:
    return "" if job.get("cost_time") is None else console.seconds(job["cost_time"])
