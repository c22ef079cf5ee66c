"""`aijobs resolve`: an operator's decision about a job in doubt."""

from typing import Annotated, Any

import typer
from rich.text import Text

from cli import console
from cli.api_client import api_path
from cli.errors import CommandError, Exit
from cli.options import ApiOptions, AsJson, DataDir, JobCode, Key, Url, User


def resolve(
    code: JobCode,
    why: Annotated[str, typer.Option(help="Kept in the job's history, with who decided.")],
    refund: Annotated[bool, typer.Option("--refund", help="Give the held points back.")] = False,
    charge: Annotated[bool, typer.Option("--charge", help="Charge the held points.")] = False,
    attach: Annotated[
        str | None, typer.Option(metavar="REF", help="The provider's id of a submission whose outcome is unknown.")
    ] = None,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Decide about held points, or name a lost submission. Needs a key with the scope jobs:resolve.

    Exit code 1 when there is nothing to decide.
    """
    decision = _decision(refund=refund, charge=charge, attach=attach)
    job = ApiOptions(url, key, user, data_dir).call(
        lambda api: api.post(api_path("jobs", code, "resolve"), {**decision, "why": why})
    )
    if as_json:
        console.show_json(job)
    else:
        console.say(console.OK, Text(code, style="bold"), f"is resolved: {decision['decision']}.")


def _decision(*, refund: bool, charge: bool, attach: str | None) -> dict[str, Any]:
    if [refund, charge, attach is not None].count(True) != 1:
        raise CommandError("Say one of --refund, --charge and --attach REF.", code=Exit.USAGE)
    if attach is not None:
        return {"decision": "attach", "ref": attach}
    return {"decision": "refund" if refund else "charge"}
