"""`aijobs sessions`: the browsers that are signed in, straight in the installation's database."""

import asyncio
from typing import Annotated, Any, Final

import typer
from sqlmodel import Session

from aijobs.bootstrap import open_database
from aijobs.domain.errors import NotFound
from aijobs.domain.jobs.events import rfc3339
from aijobs.persistence.access.session_lists import OpenSession, end_session_named, open_sessions
from aijobs.settings import Settings
from cli import console
from cli.errors import CommandError, Exit
from cli.options import AsJson, DataDir, load_settings

MOST: Final = 1000

sessions = typer.Typer(help="Browsers that are signed in, straight in the database.", no_args_is_help=True)


@sessions.command("list")
def list_sessions(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List who is signed in, those that were used last first."""
    found = asyncio.run(_open(load_settings(data_dir)))
    if as_json:
        console.show_json({"data": [_document(one) for one in found]})
    elif found:
        columns = ("ID", "WHO", "ROLE", "USER", "ADDRESS", "SINCE", "LAST USED", "BROWSER")
        console.show_table(columns, map(_row, found))
    else:
        console.say("Nobody is signed in.")


@sessions.command()
def end(
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="As `aijobs sessions list` shows them.")],
    data_dir: DataDir = None,
) -> None:
    """End sessions. Their pages and open streams stop within seconds."""

    async def work(settings: Settings) -> None:
        async with open_database(settings) as database:
            for name in ids:
                try:
                    await database.write(end_session_named, name, None)
                except NotFound as unknown:
                    raise CommandError(f"{name}: {unknown}", code=Exit.NOT_FOUND) from unknown

    asyncio.run(work(load_settings(data_dir)))
    console.say(console.OK, f"{', '.join(ids)}: ended.")


async def _open(settings: Settings) -> list[OpenSession]:
    def work(session: Session) -> list[OpenSession]:
        return open_sessions(session, None, idle=settings.api.session_idle, limit=MOST)[0]

    async with open_database(settings) as database:
        return await database.read(work)


def _row(one: OpenSession) -> tuple[str, ...]:
    times = (f"{moment.astimezone():%Y-%m-%d %H:%M}" for moment in (one.create_time, one.used_at))
    who = one.person or one.key_id or ""
    return (one.name, who, one.role or "", one.user_id or "", one.address or "", *times, one.browser or "")


def _document(one: OpenSession) -> dict[str, Any]:
    fields = {name: value for name, value in vars(one).items() if name not in {"sha256", "name"}}
    moments = {name: rfc3339(fields[name]) for name in ("create_time", "used_at", "expires_at")}
    return {"id": one.name, **fields, **moments}
