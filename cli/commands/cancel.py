"""`aijobs cancel`: stop a job that is not final."""

from typing import Annotated

import typer
from rich.text import Text

from cli import console
from cli.options import ApiOptions, AsJson, DataDir, JobCode, Key, Url, User


def cancel(
    code: JobCode,
    reason: Annotated[str | None, typer.Option(help="Kept in the job's history.")] = None,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Ask for a job to be canceled.

    Exit code 1 when it has ended already.
    """
    job = ApiOptions(url, key, user, data_dir).call(
        lambda api: api.post(f"/api/jobs/{code}/cancel", {"reason": reason} if reason else {})
    )
    if as_json:
        console.show_json(job)
    else:
        console.say(Text(code, style="bold"), "will be canceled.", Text(f"aijobs watch {code}", style="dim"))
