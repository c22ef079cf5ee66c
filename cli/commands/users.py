"""`aijobs users`: export and erase a user's everything; legal holds on users and jobs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli import console
from cli.api_client import ApiClient, Document, api_path
from cli.errors import CommandError, Exit
from cli.options import ApiOptions, AsJson, DataDir, Key, Url

users = typer.Typer(help="Export, hold and erase what is kept of users.", no_args_is_help=True)

UserId = Annotated[str, typer.Argument(metavar="USER")]
Why = Annotated[str, typer.Option("--why", metavar="REASON", help="Kept with the hold.")]


@users.command()
def export(
    user: UserId,
    to: Annotated[Path, typer.Argument(metavar="FILE", help="A ZIP file; it appears when it is complete.")],
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Save all that is kept of a user: JSON Lines, uploads and results."""

    async def save(api: ApiClient) -> Document:
        await api.export_user(user, to)
        return {}

    ApiOptions(url, key, None, data_dir).call(save)
    console.say(Text(str(to), style="bold"))


@users.command()
def erase(
    user: UserId,
    yes: Annotated[bool, typer.Option("--yes", help="There is no way back.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Erase everything of a user. Unfinished jobs are canceled; points and costs keep their sums, under a pseudonym."""
    if not yes:
        raise CommandError("There is no way back: say --yes.", hint="`aijobs users export` saves it.", code=Exit.USAGE)
    _show(ApiOptions(url, key, None, data_dir).call(lambda api: api.erase_user(user)), as_json=as_json)


@users.command()
def erasure(
    code: Annotated[str, typer.Argument(metavar="CODE", help="As `aijobs users erase` shows it: erasure_…")],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Show how an erasure stands, and what it waits for."""
    _show(ApiOptions(url, key, None, data_dir).call(lambda api: api.get(api_path("erasures", code))), as_json=as_json)


@users.command()
def hold(
    user: UserId, why: Why, as_json: AsJson = False, url: Url = None, key: Key = None, data_dir: DataDir = None
) -> None:
    """Keep everything of a user, whatever its lifetime, until `aijobs users release`."""
    body = {"user": user, "reason": why}
    made = ApiOptions(url, key, None, data_dir).call(lambda api: api.post("/api/holds", body))
    if as_json:
        console.show_json(made)
    else:
        console.say(Text(made["id"], style="bold"), Text(f"aijobs users release {made['id']}", style="dim"))


@users.command()
def holds(as_json: AsJson = False, url: Url = None, key: Key = None, data_dir: DataDir = None) -> None:
    """List what is held, by whom and why."""
    page = ApiOptions(url, key, None, data_dir).call(lambda api: api.get("/api/holds"))
    if as_json:
        console.show_json(page)
    elif page["data"]:
        console.show_table(("ID", "WHAT", "SINCE", "BY", "REASON"), map(_row, page["data"]))
    else:
        console.say("Nothing is held.")


@users.command()
def release(
    code: Annotated[str, typer.Argument(metavar="ID", help="As `aijobs users holds` shows it: hold_…")],
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """End a legal hold. What is due is erased soon."""

    async def end(api: ApiClient) -> Document:
        await api.delete(api_path("holds", code))
        return {}

    ApiOptions(url, key, None, data_dir).call(end)
    console.say(Text(code, style="bold"), "has ended.")


def _row(held: Document) -> tuple[str, ...]:
    name = held["user"] or held["job"]
    return (held["id"], name, console.local_time(held["create_time"]), held["create_by"], held["reason"])


def _show(state: Document, *, as_json: bool) -> None:
    if as_json:
        console.show_json(state)
        return
    waits = [("waits for", state["waits_for"])] if state["waits_for"] else []
    counts = [(what, str(count)) for what, count in state["counts"].items()]
    console.show_pairs([("code", state["code"]), ("status", state["status"]), *waits, *counts])
