"""`aijobs webhooks`: endpoints, deliveries, and sending a delivery again."""

from typing import Annotated, Any, Final

import typer
from rich.text import Text

from aijobs.domain.webhooks import DeliveryState
from cli import console
from cli.options import ApiOptions, AsJson, DataDir, Key, Url, User

STYLE_OF: Final = {"pending": "blue", "delivered": "green", "failed": "red", "replaced": "dim"}

webhooks = typer.Typer(help="Webhooks to callers: endpoints, deliveries, replays.", no_args_is_help=True)


@webhooks.command()
def endpoints(
    as_json: AsJson = False, user: User = None, url: Url = None, key: Key = None, data_dir: DataDir = None
) -> None:
    """List the endpoints."""
    page = ApiOptions(url, key, user, data_dir).call(lambda api: api.get("/api/webhook-endpoints"))
    if as_json:
        console.show_json(page)
    else:
        columns = ("ID", "USER", "STATE", "EVENTS", "URL")
        console.show_table(columns, map(_endpoint_row, page["data"]))


@webhooks.command()
def deliveries(
    job: Annotated[str | None, typer.Option(metavar="CODE", help="Only those that tell of this job.")] = None,
    state: Annotated[DeliveryState | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many, newest first.")] = 20,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """List what was sent, newest first, and what became of it."""
    query = {"job": job, "state": state and state.value, "limit": limit}
    page = ApiOptions(url, key, user, data_dir).call(lambda api: api.get("/api/webhook-deliveries", query))
    if as_json:
        console.show_json(page)
    else:
        columns = ("ID", "STATE", "TYPE", "JOB", "TRIES", "LAST ANSWER", "NEXT TRY")
        console.show_table(columns, map(_delivery_row, page["data"]), right=("TRIES",))


@webhooks.command()
def replay(
    delivery: Annotated[str, typer.Argument(metavar="ID", help="As `aijobs webhooks deliveries` shows it: hook_…")],
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Send a webhook again, now, under its old message id."""
    path = f"/api/webhook-deliveries/{delivery}/replay"
    new = ApiOptions(url, key, user, data_dir).call(lambda api: api.post(path, {}))
    if as_json:
        console.show_json(new)
    else:
        console.say(console.OK, f"{new['id']} is on its way to {new['url']}")


def _endpoint_row(endpoint: dict[str, Any]) -> tuple[str | Text, ...]:
    state = Text("enabled", style="green") if endpoint["enabled"] else Text(endpoint["disabled_reason"], style="red")
    return endpoint["id"], endpoint["user_id"] or "(all)", state, ", ".join(endpoint["events"]), endpoint["url"]


def _delivery_row(delivery: dict[str, Any]) -> tuple[str | Text, ...]:
    status = delivery["response_status"]
    return (
        delivery["id"],
        Text(delivery["state"], style=STYLE_OF[delivery["state"]]),
        delivery["type"],
        delivery["job_code"] or "",
        str(delivery["attempts"]),
        str(status) if status else delivery["error"] or "",
        delivery["next_try_at"] or "",
    )
