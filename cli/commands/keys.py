"""`aijobs keys`: the API keys of an installation, directly in its database."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer
from rich.text import Text

from aijobs.bootstrap import open_database
from aijobs.domain.errors import NotFound
from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.values.durations import parse_duration
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.keys import ApiKey, KeyKind, create_key, list_keys, revoke_key
from aijobs.persistence.database import Database
from aijobs.settings import Settings
from cli import console
from cli.errors import CommandError, Exit
from cli.options import AsJson, DataDir, load_settings

Result = TypeVar("Result")

keys = typer.Typer(help="API keys, straight in this installation's database.", no_args_is_help=True)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for; shown in the list.")],
    user: Annotated[
        str | None, typer.Option(help="A user's key, for this user alone. Default: a service key, for any user.")
    ] = None,
    scope: Annotated[list[Scope] | None, typer.Option(help="Repeatable. Default: all that its kind may have.")] = None,
    expires_in: Annotated[str | None, typer.Option(metavar="DURATION", help="E.g. 30d. Default: never.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key. It is shown once, now."""
    settings, expires_at = load_settings(data_dir), _expiry(expires_in)
    secret = settings.load_secret()

    async def make(database: Database) -> str:
        return await create_key(
            database,
            secret,
            kind=KeyKind.SERVICE if user is None else KeyKind.USER,
            name=name,
            user_id=user,
            scopes=scope or None,
            expires_at=expires_at,
        )

    try:
        text = asyncio.run(_in_database(settings, make))
    except ValueError as invalid:
        raise CommandError(str(invalid), code=Exit.USAGE) from invalid
    if as_json:
        console.show_json({"key": text, "name": name, "user_id": user})
    else:
        console.say(text, indent=0)
        console.warn(Text("Keep it now: only a hash of it is stored.", style="dim"))


@keys.command("list")
def list_api_keys(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the keys, without their secrets."""
    found = asyncio.run(_in_database(load_settings(data_dir), list_keys))
    if as_json:
        console.show_json({"data": [_document(key) for key in found]})
    else:
        columns = ("ID", "NAME", "KIND", "USER", "SCOPES", "MADE", "STATE")
        console.show_table(columns, map(_row, found))


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `aijobs keys list` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """Make a key, and every token made with it, good for nothing from now on."""

    async def end(database: Database) -> None:
        try:
            await revoke_key(database, key_id)
        except NotFound as unknown:
            raise CommandError(str(unknown), code=Exit.NOT_FOUND) from unknown

    asyncio.run(_in_database(load_settings(data_dir), end))
    console.say(console.OK, f"{key_id} is revoked.")


async def _in_database(settings: Settings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    async with open_database(settings) as database:
        return await work(database)


def _expiry(expires_in: str | None) -> datetime | None:
    if expires_in is None:
        return None
    lifetime = parse_duration(expires_in)
    if not isinstance(lifetime, timedelta):
        raise CommandError(f"{expires_in!r} is not a duration such as 12h or 30d.", code=Exit.USAGE)
    return datetime.now(UTC) + lifetime


def _state(key: ApiKey) -> str:
    if key.revoked_at:
        return "revoked"
    return "valid" if key.is_valid else "expired"


def _row(key: ApiKey) -> tuple[str | Text, ...]:
    state = _state(key)
    return (
        key.key_id,
        key.name,
        key.kind,
        key.user_id or "",
        "all" if Scope.ADMIN in key.scopes else " ".join(sorted(key.scopes)),
        f"{key.create_time.astimezone():%Y-%m-%d %H:%M}",
        Text(state, style="green" if state == "valid" else "dim"),
    )


def _document(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "kind": key.kind,
        "user_id": key.user_id,
        "scopes": sorted(key.scopes),
        "state": _state(key),
        "create_time": rfc3339(key.create_time),
        "expires_at": rfc3339(key.expires_at) if key.expires_at else None,
        "revoked_at": rfc3339(key.revoked_at) if key.revoked_at else None,
    }
