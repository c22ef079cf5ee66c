"""`aijobs pause`, `aijobs resume` and `aijobs pauses`: what is sent to no provider for a while."""

from typing import Annotated

import typer
from rich.text import Text

from aijobs.domain.jobs.waiting import PausedThing
from cli import console
from cli.api_client import ApiClient, Document, api_path
from cli.options import ApiOptions, AsJson, DataDir, Key, Url


def pause(
    what: Annotated[PausedThing, typer.Argument(help="What is paused.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name: replicate, a model_id, a user, …")],
    why: Annotated[str, typer.Option("--why", metavar="REASON", help="Users see it in their jobs.")],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Send nothing new for a provider, a model, a user or a credential. What is at its provider goes on."""
    body = {what.value: name, "reason": why}
    made = ApiOptions(url, key, None, data_dir).call(lambda api: api.post("/api/pauses", body))
    if as_json:
        console.show_json(made)
    else:
        console.say(Text(made["id"], style="bold"), Text(f"aijobs resume {made['id']}", style="dim"))


def resume(
    code: Annotated[str, typer.Argument(metavar="ID", help="As `aijobs pauses` shows it: pause_…")],
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """End a pause. The jobs that it held back are tried again, some at a time."""

    async def end(api: ApiClient) -> Document:
        await api.delete(api_path("pauses", code))
        return {}

    ApiOptions(url, key, None, data_dir).call(end)
    console.say(Text(code, style="bold"), "has ended.")


def pauses(
    ended: Annotated[bool, typer.Option("--ended", help="Also the last hundred that have ended.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """List what is paused, by whom and why."""
    page = ApiOptions(url, key, None, data_dir).call(lambda api: api.get("/api/pauses", {"ended": str(ended).lower()}))
    if as_json:
        console.show_json(page)
    elif page["data"]:
        columns = ("ID", "WHAT", "NAME", "SINCE", "UNTIL", "BY", "HELD", "REASON")
        console.show_table(columns, map(_row, page["data"]), right=("HELD",))
    else:
        console.say("Nothing is paused.")


def _row(pause: Document) -> tuple[str, ...]:
    what = next(kind for kind in PausedThing if pause[kind] is not None)
    times = (console.local_time(pause["create_time"]), console.local_time(pause["ended_at"]))
    return (pause["id"], what, pause[what], *times, pause["create_by"], str(pause["held"]), pause["reason"])
