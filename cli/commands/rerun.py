"""`aijobs rerun`: run a job again, from the start or from the migration."""

from typing import Annotated

import typer
from rich.text import Text

from aijobs.domain.jobs.job import RerunFrom
from cli import console
from cli.api_client import api_path
from cli.options import ApiOptions, AsJson, DataDir, JobCode, Key, Url, User


def rerun(
    code: JobCode,
    start: Annotated[
        RerunFrom, typer.Option("--from", help="start: charged anew. migration: only moved again, free.")
    ] = RerunFrom.START,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Run a job that has ended again, as a new job.

    Exit code 1 when it still runs, or when nothing is left to begin with.
    """
    path = api_path("jobs", code, "rerun")
    job = ApiOptions(url, key, user, data_dir).call(lambda api: api.post(path, {"from": start}))
    if as_json:
        console.show_json(job)
    else:
        console.say(
            Text(job["code"], style="bold"), f"repeats {code}.", Text(f"aijobs watch {job['code']}", style="dim")
        )
