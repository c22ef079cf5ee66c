"""`aijobs up` on the data of an older version: it is copied, brought up to date, and everything starts."""

from pathlib import Path

from alembic import command
from sqlalchemy import make_url

from aijobs.persistence.database import LATEST_REVISION, prepared_database
from aijobs.persistence.database.schema import copy_before
from aijobs.persistence.database.sqlite import revision
from cli.embedded.ports import free_ports
from tests.cli.command import aijobs_process, running
from tests.persistence.database.test_migrations import alembic
from tests.stories.upgrades.last_release import LAST_REVISION


async def test_it_says_where_the_copy_is_and_goes_on(tmp_path: Path) -> None:
    database = tmp_path / "aijobs.db"
    await prepared_database(f"sqlite:///{database}")
    command.downgrade(alembic(f"sqlite:///{database}"), LAST_REVISION)
    ports = map(str, free_ports(4))
    names = ("--api-port", "--temporal-port", "--ui-port", "--sandbox-port")
    options = [word for pair in zip(names, ports, strict=True) for word in pair]

    async with running("up", *options, folder=tmp_path) as up:
        await up.wait_for_output("Ctrl-C stops everything")
        listed = await aijobs_process("jobs", folder=tmp_path)
        result = await up.interrupt()

    copy = copy_before(database, LAST_REVISION)
    assert f"brought from revision {LAST_REVISION} to {LATEST_REVISION}" in result.out
    assert f"it is kept in {copy}" in result.out
    assert revision(make_url(f"sqlite:///{copy}")) == LAST_REVISION
    assert listed.code == 0, listed.err
