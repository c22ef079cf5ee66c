"""`aijobs points`: today's remaining points, and whether the ledger balances."""

import asyncio
from typing import Annotated, Final

import typer

from aijobs.bootstrap import open_database
from aijobs.domain.values.user_ids import user_id_error
from aijobs.persistence.points.audit import violations
from aijobs.persistence.points.ledger import set_limit
from cli import console
from cli.errors import CommandError, Exit
from cli.options import ApiOptions, AsJson, DataDir, Key, Url, User, load_settings

SHOWN: Final = ("user_id", "day", "limit", "used", "held", "remaining", "alerted")

points = typer.Typer(help="Show today's points; check the ledger; set a user's own limit.", invoke_without_command=True)


@points.callback()
def show_points(
    context: typer.Context,
    as_json: AsJson = False,
    user: User = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
) -> None:
    if context.invoked_subcommand is not None:
        return
    found = ApiOptions(url, key, user, data_dir).call(lambda api: api.get("/api/points"))
    if as_json:
        console.show_json(found)
    else:
        console.show_pairs((name, str(found[name])) for name in SHOWN)


@points.command()
def check(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Verify every invariant of the ledger, over the whole database.

    Exit code 1 when one is broken; each violation is named.
    """
    settings = load_settings(data_dir)

    async def audit() -> list[str]:
        async with open_database(settings) as database:
            return await database.snapshot(violations)

    found = asyncio.run(audit())
    if as_json:
        console.show_json({"violations": found})
    else:
        for violation in found:
            console.say(violation, indent=0)
        if not found:
            console.say(console.OK, "The ledger balances.")
    if found:
        raise typer.Exit(Exit.ERROR)


@points.command()
def limit(
    user: Annotated[str, typer.Argument(metavar="USER")],
    daily: Annotated[int, typer.Argument(metavar="POINTS", min=0)],
    data_dir: DataDir = None,
) -> None:
    """Give a user a daily limit of their own."""
    settings = load_settings(data_dir)
    if error := user_id_error(user):
        raise CommandError(f"{user!r} cannot be a user. {error}", code=Exit.USAGE)

    async def write() -> None:
        async with open_database(settings) as database:
            await database.write(set_limit, user, daily)

    asyncio.run(write())
    console.say(console.OK, f"{user} has {daily} points a day.")
