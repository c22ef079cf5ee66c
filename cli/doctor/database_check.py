"""The database: whether it is one of ours, up to date and writable, and whether a job waits in it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from aijobs.bootstrap import open_existing_database
from aijobs.domain.errors import DatabaseUnavailable
from aijobs.persistence import database as database_module
from aijobs.persistence.jobs.totals import waiting_too_long
from aijobs.settings import Settings
from cli.doctor.report import Finding, FindingLevel, broken, doubtful, fine, off


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """The database itself, and a job that waits in it. What is written in a trial changes nothing."""
    finding = await asyncio.to_thread(_as_it_is, settings)
    if finding.health is not FindingLevel.OK:
        yield finding
        return
    try:
        async with open_existing_database(settings) as opened:
            await opened.probe()
    except DatabaseUnavailable as unavailable:
        hint = "Let this user write to it, and make room on its disk."
        yield broken("Database", f"{settings.database}: {unavailable}", hint)
        return
    yield finding
    if waiting := await _waiting(settings):
        yield waiting


def _as_it_is(settings: Settings) -> Finding:
    url = make_url(settings.database)
    shown = url.render_as_string(hide_password=True)
    if url.get_backend_name() != "sqlite":
        return broken("Database", f"{shown} is not supported yet.", "Set AIJOBS_DATABASE_URL to sqlite:///…")
    if url.database and not Path(url.database).exists():
        return off("Database", f"{url.database} is not there yet.", "It is made at the first start.")
    try:
        current, newest = _revisions(url)
    except SQLAlchemyError as unreadable:
        return broken("Database", f"{shown}: {getattr(unreadable, 'orig', unreadable)}", "Is it a database of aijobs?")
    if current != newest:
        state = f"revision {current}, newest {newest}" if current else "it has no tables yet"
        return doubtful("Database", f"{shown}: {state}.", "The next start of a worker or an API brings it up to date.")
    return fine("Database", f"{shown} at revision {current}")


async def _waiting(settings: Settings) -> Finding | None:
    async with open_existing_database(settings) as opened, opened.read() as session:
        waits = await waiting_too_long(session)
    if waits is None:
        return None
    told = f"No worker has taken up a job that was accepted {round(waits.total_seconds())} s ago."
    return broken("Jobs", told, "Does a worker run, with this database and this Temporal?")


def _revisions(url: URL) -> tuple[str | None, str | None]:
    """Which migrations the database has seen, and which there are."""
    config = Config()
    config.set_main_option("script_location", str(Path(database_module.__file__).parent / "migrations"))
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    return current, ScriptDirectory.from_config(config).get_current_head()
