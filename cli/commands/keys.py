"""`aijobs keys`: the API keys of an installation, directly in its database."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer
from rich.text import Text

from aijobs.bootstrap import open_database
from aijobs.domain.errors import CannotRotate, NotFound
from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.values.durations import parse_duration
from aijobs.domain.values.scopes import AccessRole, Scope
from aijobs.persistence.access.first_key import KEY_FILE, replace_first_key
from aijobs.persistence.access.key_rotation import MAX_OVERLAP, rotate_key
from aijobs.persistence.access.keys import ApiKey, KeyKind, create_key, list_keys, revoke_key
from aijobs.persistence.database import Database
from aijobs.settings import Settings
from cli import console
from cli.errors import CommandError, Exit
from cli.options import AsJson, DataDir, load_settings

Result = TypeVar("Result")

KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `aijobs keys list` shows it.")]

keys = typer.Typer(help="API keys, straight in this installation's database.", no_args_is_help=True)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for; shown in the list.")],
    user: Annotated[
        str | None, typer.Option(help="A user's key, for this user alone. Default: a service key, for any user.")
    ] = None,
    scope: Annotated[list[Scope] | None, typer.Option(help="Repeatable. Default: all that its kind may have.")] = None,
    role: Annotated[AccessRole | None, typer.Option(help="In the place of scopes, for a service key.")] = None,
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
            role=role,
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
        columns = ("ID", "NAME", "KIND", "USER", "ROLE OR SCOPES", "MADE", "LAST USED", "EXPIRES", "STATE")
        console.show_table(columns, map(_row, found))


@keys.command()
def rotate(
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(metavar="DURATION", help="How long the old key is valid beside it.")] = "24h",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make a successor of a key with the same rights, and let the old one end after a while. It is shown once, now."""
    settings = load_settings(data_dir)
    secret, both_for = settings.load_secret(), _duration(overlap)
    if not timedelta(0) <= both_for <= MAX_OVERLAP:
        raise CommandError(f"The overlap is at most {MAX_OVERLAP.days} days.", code=Exit.USAGE)

    async def make(database: Database) -> tuple[ApiKey, str]:
        try:
            return await database.write(rotate_key, secret, key_id, overlap=both_for)
        except NotFound as unknown:
            raise CommandError(str(unknown), code=Exit.NOT_FOUND) from unknown
        except CannotRotate as refused:
            raise CommandError(str(refused)) from refused

    key, text = asyncio.run(_in_database(settings, make))
    is_own = replace_first_key(settings.data_dir, key_id, text)
    if as_json:
        console.show_json({"key": text, "key_id": key.key_id, "replaces": key_id})
    else:
        console.say(text, indent=0)
        console.warn(Text(f"Keep it now: only a hash of it is stored. {key_id} ends in {overlap}.", style="dim"))
        if is_own:
            console.warn(Text(f"{settings.data_dir / KEY_FILE} has it too.", style="dim"))


@keys.command()
def revoke(
    key_id: KeyId,
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
    try:
        return datetime.now(UTC) + _duration(expires_in)
    except OverflowError:
        raise CommandError(f"{expires_in} is longer than the calendar.", code=Exit.USAGE) from None


def _duration(written: str) -> timedelta:
    duration = parse_duration(written)
    if not isinstance(duration, timedelta):
        raise CommandError(f"{written!r} is not a duration such as 12h or 30d.", code=Exit.USAGE)
    return duration


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
        key.role or ("all" if Scope.ADMIN in key.scopes else " ".join(sorted(key.scopes))),
        _local(key.create_time),
        _local(key.last_used_at),
        _local(key.expires_at),
        Text(state, style="green" if state == "valid" else "dim"),
    )


def _local(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _document(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "kind": key.kind,
        "user_id": key.user_id,
        "role": key.role,
        "scopes": sorted(key.scopes),
        "state": _state(key),
        "create_time": rfc3339(key.create_time),
        "expires_at": rfc3339(key.expires_at) if key.expires_at else None,
        "revoked_at": rfc3339(key.revoked_at) if key.revoked_at else None,
        "last_used_at": rfc3339(key.last_used_at) if key.last_used_at else None,
        "replaces": key.replaces,
        "replaced_by": key.replaced_by,
    }
