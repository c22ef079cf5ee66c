"""`aijobs limits`: what may be in flight at vendors, and a user's own share of it."""

import asyncio
from typing import Annotated

import typer
from sqlmodel import select

from aijobs.bootstrap import open_database
from aijobs.domain.jobs.slots.fair_queue import DEFAULT_WEIGHT, LEAST_WEIGHT, MOST_WEIGHT
from aijobs.domain.values.user_ids import user_id_error
from aijobs.persistence.slots.outlook import set_share
from aijobs.persistence.tables import UserShareRow
from cli import console
from cli.errors import CommandError, Exit
from cli.options import DataDir, load_settings

limits = typer.Typer(help="Show what may be in flight at vendors; set a user's own share.", invoke_without_command=True)


@limits.callback()
def show_limits(context: typer.Context, data_dir: DataDir = None) -> None:
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(data_dir)

    async def read() -> list[UserShareRow]:
        async with open_database(settings) as database:
            return await database.read(lambda session: list(session.exec(select(UserShareRow))))

    catalogue, shares = settings.load_catalogue(), asyncio.run(read())
    everybody = settings.limits.model_dump(exclude={"credentials"}, exclude_none=True)
    console.show_pairs(("each user: " + name, str(limit)) for name, limit in everybody.items())
    for credential, its in settings.limits.credentials.items():
        console.show_pairs((f"{credential}: {name}", str(limit)) for name, limit in its if limit is not None)
    for model in catalogue:
        console.show_pairs(
            (f"{model.model_id}: {name}", str(limit)) for name, limit in model.limits if limit is not None
        )
    for share in shares:
        own = "" if share.in_flight is None else f", at most {share.in_flight} in flight"
        console.show_pairs([(f"user {share.user_id}", f"weight {share.weight:g}{own}")])


@limits.command("user")
def set_user(
    user: Annotated[str, typer.Argument(metavar="USER")],
    weight: Annotated[float, typer.Option(min=LEAST_WEIGHT, max=MOST_WEIGHT)] = DEFAULT_WEIGHT,
    in_flight: Annotated[int | None, typer.Option(min=1, help="Jobs at vendors; without it, as for everybody.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Give a user a share of their own: twice the weight starts twice as many of the jobs that wait."""
    settings = load_settings(data_dir)
    if error := user_id_error(user):
        raise CommandError(f"{user!r} cannot be a user. {error}", code=Exit.USAGE)

    async def write() -> None:
        async with open_database(settings) as database:
            await database.write(set_share, user, weight=weight, in_flight=in_flight)

    asyncio.run(write())
    own = "" if in_flight is None else f", and at most {in_flight} jobs in flight"
    console.say(console.OK, f"{user} has a weight of {weight:g}{own}.")
