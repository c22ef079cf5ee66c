"""`aijobs watch`: a job's progress, live."""

import asyncio

import typer
from rich.text import Text

from aijobs.domain.lifecycle import JobStatus
from cli import console
from cli.api_client import ApiClient, Document
from cli.errors import Exit
from cli.follow import EXIT_OF, follow
from cli.options import ApiOptions, AsJson, DataDir, JobCode, Key, Url, User
from cli.progress_view import opened_progress_view


def watch(
    code: JobCode,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Follow a job to its end, also over restarts of the API.

    Exit code: 0 SUCCESS, 3 FAILED, 4 TIMEOUT, 5 CANCELED, 6 no such job, 7 the API cannot be reached, 1 anything else.
    With --json, each event is one line.
    """

    async def follow_it() -> Exit:
        async with ApiOptions(url, key, user, data_dir).api() as api:
            return await follow_and_show(api, code, as_json=as_json)

    raise typer.Exit(asyncio.run(follow_it()))


async def follow_and_show(api: ApiClient, code: str, *, as_json: bool) -> Exit:
    """Show a job's progress, then its result."""
    with opened_progress_view(as_json=as_json) as view:
        job = await follow(api, code, view)
    if not as_json:
        show_result(job)
    return EXIT_OF[JobStatus(job["job_status"])]


def show_result(job: Document) -> None:
    """The outputs, or the reason why there are none."""
    console.say("")
    if error := job.get("error"):
        console.say(console.WRONG, f"{error['message']}", Text(f"({error['stage']}, {error['code']})", style="dim"))
    for output in job.get("outputs") or ():
        dimensions = console.pixels(output.get("width"), output.get("height"))
        console.say(console.OK, output["media_type"], dimensions, console.size(output["size"]))
        console.say(Text(output["url"], style="cyan"), indent=4)
