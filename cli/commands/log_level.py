"""`aijobs log-level`: how much all running processes of an installation log."""

import asyncio
from typing import Annotated

import typer

from aijobs.bootstrap import open_database
from aijobs.logs.levels import parse_levels
from aijobs.persistence.access.installation import want_levels, wanted_levels
from aijobs.settings import Settings
from cli import console
from cli.errors import CommandError, Exit
from cli.options import DataDir, load_settings


def log_level(
    levels: Annotated[
        str | None, typer.Argument(metavar="LEVELS", help="As DEBUG, or WARNING,aijobs.providers=DEBUG.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Log again as each process was started.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show or set the levels at which all workers and APIs log, whichever host they run on.

    They follow within a few seconds, without a restart, and so does who starts later.
    """
    settings = load_settings(data_dir)
    if levels is not None and reset:
        raise CommandError("Give levels, or --reset.", code=Exit.USAGE)
    if levels is not None:
        try:
            parse_levels(levels)
        except ValueError as wrong:
            raise CommandError(f"These are no levels: {wrong}.", code=Exit.USAGE) from wrong
    now = asyncio.run(_set_or_read(settings, levels, change=levels is not None or reset))
    console.say(now or f"{settings.log.levels} (as AIJOBS_LOG__LEVELS says to each process at its start)", indent=0)


async def _set_or_read(settings: Settings, levels: str | None, *, change: bool) -> str | None:
    async with open_database(settings) as database:
        if change:
            await database.write(want_levels, levels)
        return await database.read(wanted_levels)
