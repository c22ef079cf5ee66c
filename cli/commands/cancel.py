"""`aijobs cancel`: stop jobs that are not final."""

import asyncio
from typing import Annotated

import typer
from rich.text import Text

from cli import console
from cli.api_client import Document, api_path
from cli.errors import CommandError, Exit
from cli.options import ApiOptions, AsJson, DataDir, Key, Url, User


def cancel(
    codes: Annotated[list[str], typer.Argument(metavar="CODE…", help="The codes of jobs: job_…")],
    reason: Annotated[str | None, typer.Option(help="Kept in the job's history.")] = None,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Ask for jobs to be canceled.

    Exit code 1 when one has ended already; the others are canceled all the same. `aijobs jobs --codes` lists codes.
    """
    body = {"reason": reason} if reason else {}
    refused = asyncio.run(_cancel_each(ApiOptions(url, key, user, data_dir), codes, body, as_json=as_json))
    if not refused:
        return
    if len(codes) == 1:
        raise refused[codes[0]]
    details = tuple(f"{code}: {error}" for code, error in refused.items())
    raise CommandError(f"{len(refused)} of {len(codes)} cannot be canceled.", details=details)


async def _cancel_each(
    options: ApiOptions, codes: list[str], body: Document, *, as_json: bool
) -> dict[str, CommandError]:
    """Returns those that were refused, and why. Raises CommandError when the API cannot be reached."""
    refused = {}
    async with options.api() as api:
        for code in codes:
            try:
                job = await api.post(api_path("jobs", code, "cancel"), body)
            except CommandError as error:
                if error.code is Exit.UNREACHABLE:
                    raise
                refused[code] = error
            else:
                _show(job, as_json=as_json)
    return refused


def _show(job: Document, *, as_json: bool) -> None:
    if as_json:
        console.show_json(job)
    else:
        code = job["code"]
        console.say(Text(code, style="bold"), "will be canceled.", Text(f"aijobs watch {code}", style="dim"))
