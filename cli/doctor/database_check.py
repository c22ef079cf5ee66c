"""Checks the database: revision, writability, and jobs that have waited too long."""

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
from aijobs.persistence.database.schema import MIGRATIONS
from aijobs.persistence.jobs.totals import waiting_too_long
from aijobs.settings import Settings
from cli.doctor.report import Finding, FindingLevel, broken, doubtful, fine, off


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """The state of the database, and of its waiting jobs. The write test changes nothing."""
    finding = await asyncio.to_thread(_check_revision, settings)
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
    if waiting := await _check_waiting_jobs(settings):
        yield waiting


def _check_revision(settings: Settings) -> Finding:
    url = make_url(settings.database)
    location = url.render_as_string(hide_password=True)
    if url.get_backend_name() != "sqlite":
        return broken("Database", f"{location} is not supported yet.", "Set AIJOBS_DATABASE_URL to sqlite:///…")
    if url.database and not Path(url.database).exists():
        return off("Database", f"{url.database} is not there yet.", "It is made at the first start.")
    try:
        current, newest = _revisions(url)
    except SQLAlchemyError as unreadable:
        return broken(
            "Database", f"{location}: {getattr(unreadable, 'orig', unreadable)}", "Is it a database of aijobs?"
        )
    if current != newest:
        state = f"revision {current}, newest {newest}" if current else "it has no tables yet"
        return doubtful(
            "Database", f"{location}: {state}.", "The next start of a worker or an API brings it up to date."
        )
    return fine("Database", f"{location} at revision {current}")


async def _check_waiting_jobs(settings: Settings) -> Finding | None:
    async with open_existing_database(settings) as opened:
        waits = await opened.read(waiting_too_long)
    if waits is None:
        return None
    message = f"No worker has taken up a job that was accepted {round(waits.total_seconds())} s ago."
    return broken("Jobs", message, "Does a worker run, with this database and this Temporal?")


def _revisions(url: URL) -> tuple[str | None, str | None]:
    """The revision of the database, and the newest one."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    return current, ScriptDirectory.from_config(config).get_current_head()
