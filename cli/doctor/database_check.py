"""Checks the database: revision, writability, and jobs that have waited too long."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from aijobs.bootstrap import open_existing_database
from aijobs.domain.errors import DatabaseUnavailable, SchemaMismatch
from aijobs.persistence.database import LATEST_REVISION, Database, unavailability
from aijobs.persistence.database.open_database import OPENERS, oldest_code_of, revision_of
from aijobs.persistence.database.schema import check_revision
from aijobs.persistence.jobs.totals import waiting_too_long
from aijobs.persistence.vendor_credentials import circuits
from aijobs.settings import Settings
from cli.doctor.health_check import host_and_expiry
from cli.doctor.postgresql_check import problems
from cli.doctor.process_check import processes
from cli.doctor.report import Finding, FindingLevel, broken, doubtful, fine, off

CREDENTIALS: Final = "Credentials"

MENDING: Final = {
    "sqlite": "Let this user write to it, and make room on its disk.",
    "postgresql": "Is AIJOBS_DATABASE_URL right, does the server run, and may this user write there?",
}


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """The state of the database, and of its waiting jobs. The write test changes nothing."""
    try:
        url = make_url(settings.database)
    except ArgumentError:
        yield broken("Database", "AIJOBS_DATABASE_URL is no URL.", "It looks like postgresql://user@host/aijobs.")
        return
    finding = await asyncio.to_thread(_check_revision, url)
    if finding.health is not FindingLevel.OK:
        yield finding
        return
    try:
        async with open_existing_database(settings) as opened:
            await opened.probe()
            seen = [*await processes(opened), *await _left_out(opened), *await host_and_expiry(opened, settings)]
    except DatabaseUnavailable as unavailable:
        yield broken("Database", f"{_location(url)}: {unavailable}", MENDING[url.get_backend_name()])
        return
    yield finding
    for finding in seen:
        yield finding
    if url.get_backend_name() == "postgresql":
        for doubt in await asyncio.to_thread(lambda: list(_check_server(url))):
            yield doubt
    if waiting := await _check_waiting_jobs(settings):
        yield waiting


async def _left_out(opened: Database) -> list[Finding]:
    """The credentials of vendors that are not used now, after what jobs have met with them."""
    found = []
    for circuit in (await opened.read(circuits)).values():
        message = f"Nothing is sent with {circuit.credential}, except for probes: {circuit.reason}"
        if circuit.is_blocked:
            found.append(broken(CREDENTIALS, message, "Act there; then `aijobs provider health --reset NAME`."))
        elif not circuit.is_closed:
            found.append(doubtful(CREDENTIALS, message, "It is used again when a probe has worked."))
    return found


def _location(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _check_revision(url: URL) -> Finding:
    kind, location = url.get_backend_name(), _location(url)
    if kind not in OPENERS:
        return broken("Database", f"{location} is not supported.", f"AIJOBS_DATABASE_URL: {' or '.join(OPENERS)}.")
    if kind == "sqlite" and url.database and not Path(url.database).exists():
        return off("Database", f"{url.database} is not there yet.", "It is made at the first start.")
    try:
        revision, oldest_code = revision_of(url), oldest_code_of(url)
    except DatabaseUnavailable as unavailable:
        return broken("Database", f"{location}: {unavailable}", MENDING[kind])
    return _finding_of(revision, oldest_code, kind, location)


def _finding_of(revision: str | None, oldest_code: str | None, kind: str, location: str) -> Finding:
    try:
        check_revision(revision, oldest_code=oldest_code)
    except SchemaMismatch as mismatch:
        if kind == "postgresql" or (revision or "") > LATEST_REVISION:
            return broken("Database", f"{location}: {mismatch}", "With PostgreSQL nothing else migrates it.")
        state = f"revision {revision}, newest {LATEST_REVISION}" if revision else "it has no tables yet"
        mending = "The next start of a worker or an API brings it up to date."
        return doubtful("Database", f"{location}: {state}.", mending)
    return fine("Database", f"{location} at revision {revision}")


def _check_server(url: URL) -> Iterator[Finding]:
    try:
        for problem, mending in problems(url):
            yield doubtful("Database", problem, mending)
    except SQLAlchemyError as refused:
        yield doubtful("Database", f"It cannot be examined: {unavailability(refused) or 'it refuses'}", "See its log.")


async def _check_waiting_jobs(settings: Settings) -> Finding | None:
    async with open_existing_database(settings) as opened:
        waits = await opened.read(waiting_too_long)
    if waits is None:
        return None
    message = f"No worker has taken up a job that was accepted {round(waits.total_seconds())} s ago."
    return broken("Jobs", message, "Does a worker run, with this database and this Temporal?")
