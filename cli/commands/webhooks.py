"""`aijobs webhooks`: endpoints and their secrets, deliveries with every try, and sending again."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.text import Text

from aijobs.domain.webhooks import DeliveryState, EventType
from cli import console
from cli.api_client import ApiClient, Document, api_path
from cli.commands.webhook_views import endpoint_row, show_deliveries, show_delivery, show_secret
from cli.errors import CommandError, Exit
from cli.options import (
    ApiOptions,
    AsJson,
    DataDir,
    Key,
    Url,
    User,
    complete_endpoints,
    complete_jobs,
    past_moment,
)

POLL_SECONDS: Final = 0.5
ENDPOINTS: Final = "webhook-endpoints"
DELIVERIES: Final = "webhook-deliveries"

EndpointId = Annotated[
    str, typer.Argument(metavar="ENDPOINT", help="As `list` shows it: endpoint_…", autocompletion=complete_endpoints)
]
Events = Annotated[
    list[EventType] | None, typer.Option("--event", help="What it is told. Repeatable. Default: how jobs end.")
]

webhooks = typer.Typer(help="Webhooks to callers: endpoints, deliveries, replays.", no_args_is_help=True)


@webhooks.command("list")
def endpoints(
    as_json: AsJson = False, user: User = None, url: Url = None, key: Key = None, data_dir: DataDir = None
) -> None:
    """List the endpoints."""
    page = ApiOptions(url, key, user, data_dir).call(lambda api: api.get(api_path(ENDPOINTS)))
    if as_json:
        console.show_json(page)
    else:
        columns = ("ID", "USER", "STATE", "EVENTS", "URL")
        console.show_table(columns, map(endpoint_row, page["data"]))


webhooks.command("endpoints", hidden=True)(endpoints)


@webhooks.command()
def create(
    to: Annotated[str, typer.Argument(metavar="URL", help="Where messages are sent to, by https.")],
    event: Events = None,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Add an endpoint, and print its secret, which is shown this once. With --user: only for that user's jobs."""
    body = {"url": to, "user_id": user, **({"events": event} if event else {})}
    show_secret(
        ApiOptions(url, key, user, data_dir).call(lambda api: api.post(api_path(ENDPOINTS), body)), as_json=as_json
    )


@webhooks.command()
def rotate(
    endpoint: EndpointId,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Give an endpoint a new secret. For 24 hours, messages are signed with the old one as well."""
    path = api_path(ENDPOINTS, endpoint, "rotate-secret")
    show_secret(ApiOptions(url, key, user, data_dir).call(lambda api: api.post(path, {})), as_json=as_json)


@webhooks.command("test")
def send_test(
    endpoint: EndpointId,
    wait: Annotated[int, typer.Option(min=0, max=600, help="Wait so many seconds for its answer.")] = 20,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Send an endpoint a test message, and show what it answers.

    Exit code: 0 when it was taken, 1 when not, 4 when nothing is known yet.
    """
    options = ApiOptions(url, key, user, data_dir)
    sent = asyncio.run(_sent_test(options, endpoint, timedelta(seconds=wait)))
    if as_json:
        console.show_json(sent)
    else:
        show_delivery(sent)
    taken = sent["state"] == DeliveryState.DELIVERED
    raise typer.Exit(Exit.SUCCESS if taken else Exit.ERROR if sent["tries"] else Exit.TIMEOUT)


@webhooks.command()
def pause(endpoint: EndpointId, user: User = None, url: Url = None, key: Key = None, data_dir: DataDir = None) -> None:
    """Send an endpoint nothing until it is resumed. Events of that time are not kept for it."""
    _enable(ApiOptions(url, key, user, data_dir), endpoint, enabled=False)


@webhooks.command()
def resume(endpoint: EndpointId, user: User = None, url: Url = None, key: Key = None, data_dir: DataDir = None) -> None:
    """Enable an endpoint that was paused, or disabled because it failed."""
    _enable(ApiOptions(url, key, user, data_dir), endpoint, enabled=True)


@webhooks.command()
def delete(endpoint: EndpointId, user: User = None, url: Url = None, key: Key = None, data_dir: DataDir = None) -> None:
    """Delete an endpoint. What is on its way to it fails."""
    ApiOptions(url, key, user, data_dir).call(lambda api: _deleted(api, endpoint))
    console.say(console.OK, f"{endpoint} is deleted.")


@webhooks.command()
def deliveries(
    job: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Only those that tell of this job.", autocompletion=complete_jobs),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="ID", help="Only those to it.", autocompletion=complete_endpoints)
    ] = None,
    state: Annotated[DeliveryState | None, typer.Option(help="Only those in this state.")] = None,
    cursor: Annotated[str | None, typer.Option(metavar="ID", help="The next page: behind this delivery.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many, newest first.")] = 20,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """List what was sent, newest first, and what became of it."""
    if job and endpoint:
        raise CommandError("Give --job or --endpoint, not both.", code=Exit.USAGE)
    query = {"job": job, "state": state and state.value, "cursor": cursor, "limit": limit}
    path = api_path(ENDPOINTS, endpoint, "deliveries") if endpoint else api_path(DELIVERIES)
    page = ApiOptions(url, key, user, data_dir).call(lambda api: api.get(path, query))
    if as_json:
        console.show_json(page)
        return
    show_deliveries(page["data"])
    if page["has_more"]:
        console.say(Text(f"There are more, older ones: --cursor {page['next_cursor']}", style="dim"))


@webhooks.command()
def show(
    delivery: Annotated[str, typer.Argument(metavar="ID", help="As `aijobs webhooks deliveries` shows it: hook_…")],
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Show one delivery with each of its tries."""
    found = ApiOptions(url, key, user, data_dir).call(lambda api: api.get(api_path(DELIVERIES, delivery)))
    if as_json:
        console.show_json(found)
    else:
        show_delivery(found)


@webhooks.command()
def replay(
    delivery: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One, as `aijobs webhooks deliveries` shows it: hook_…")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="All that have failed and are newer: 90m, 2h, 3d, or a time."),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(metavar="ID", help="With --since: only those to it.", autocompletion=complete_endpoints),
    ] = None,
    include_waiting: Annotated[
        bool, typer.Option("--include-waiting", help="With --since: also those that wait for their next try.")
    ] = False,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    """Send webhooks again, now, under their old message ids: one, or all that have failed since a time."""
    if (delivery is None) == (since is None):
        raise CommandError("Give a delivery, or --since.", code=Exit.USAGE)
    options = ApiOptions(url, key, user, data_dir)
    if delivery is None:
        body = {"since": past_moment(since), "endpoint_id": endpoint, "include_waiting": include_waiting}
        body["until"] = datetime.now(UTC).isoformat()  # what is sent again meanwhile, and waits too, is not sent twice
        count = asyncio.run(_replay_all(options, body))
        if as_json:
            console.show_json({"replayed": count})
        else:
            console.say(console.OK, f"Sent again: {count}")
        return
    new = options.call(lambda api: api.post(api_path(DELIVERIES, delivery, "replay"), {}))
    if as_json:
        console.show_json(new)
    else:
        console.say(console.OK, f"{new['id']} is on its way to {new['url']}")


async def _sent_test(options: ApiOptions, endpoint: str, wait: timedelta) -> Document:
    """The delivery, once it was tried or the wait is over."""
    until = time.monotonic() + wait.total_seconds()
    async with options.api() as api:
        sent = await api.post(api_path(ENDPOINTS, endpoint, "test"), {})
        while not sent["tries"] and time.monotonic() < until:
            await asyncio.sleep(POLL_SECONDS)
            sent = await api.get(api_path(DELIVERIES, sent["id"]))
        return sent


async def _replay_all(options: ApiOptions, body: Document) -> int:
    """How many were sent again, however many requests that takes."""
    count = 0
    async with options.api() as api:
        while True:
            done = await api.post(api_path(DELIVERIES, "replay"), body)
            count += int(done["replayed"])
            if not done["has_more"]:
                return count


async def _deleted(api: ApiClient, endpoint: str) -> Document:
    await api.delete(api_path(ENDPOINTS, endpoint))
    return {}


def _enable(options: ApiOptions, endpoint: str, *, enabled: bool) -> None:
    changed = options.call(lambda api: api.patch(api_path(ENDPOINTS, endpoint), {"enabled": enabled}))
    console.say(console.OK, f"{changed['id']} is {'enabled' if changed['enabled'] else 'paused'}.")
