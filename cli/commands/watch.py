"""`aijobs watch`: a job's progress, live."""

import asyncio
from typing import Final

import typer
from rich.text import Text

from aijobs.domain.lifecycle import JobStatus
from cli import console
from cli.api_client import ApiClient, Document, api_path
from cli.errors import Exit
from cli.options import ApiOptions, AsJson, DataDir, JobCode, Key, Url, User
from cli.progress_view import ProgressView, opened_progress_view

EXIT_OF: Final = {
    JobStatus.SUCCESS: Exit.SUCCESS,
    JobStatus.FAILED: Exit.FAILED,
    JobStatus.TIMEOUT: Exit.TIMEOUT,
    JobStatus.CANCELED: Exit.CANCELED,
}


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


async def follow(api: ApiClient, code: str, view: ProgressView) -> Document:
    """Show every event until the job has ended; returns the job.

    Raises CommandError when the job does not exist, and when the API cannot be reached at first or for too long.
    """
    await api.get(api_path("jobs", code))  # fails at once when the API cannot be reached
    async for event in api.events(code, after=0, on_lost=view.connection_lost):
        view.show_event(event)
    return await api.get(api_path("jobs", code))


async def follow_and_show(api: ApiClient, code: str, *, as_json: bool) -> Exit:
    """Show a job's progress, then its result."""
    try:
        with opened_progress_view(as_json=as_json) as view:
            job = await follow(api, code, view)
    except asyncio.CancelledError:  # Ctrl-C
        console.warn(Text(f"The job goes on: aijobs watch {code}", style="dim"))
        raise
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
