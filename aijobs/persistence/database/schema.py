"""The revision of a database, and how its tables are brought up to date."""

from pathlib import Path
from typing import Final

from sqlalchemy import URL

from aijobs.domain.errors import SchemaMismatch
from aijobs.persistence.database import postgresql, sqlite
from aijobs.persistence.private_files import make_private_file, make_private_folder

LATEST_REVISION: Final = "0034"
"""The newest migration. Revisions are numbers of four digits: a later one is greater."""

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"


def make_ready(url: URL) -> None:
    """Migrate a database of SQLite, which belongs to this installation alone.

    That of PostgreSQL is migrated by `aijobs init` only. Raises SchemaMismatch when it is not at our revision.
    """
    if url.get_backend_name() == "sqlite":
        upgrade_file(url)
    else:
        check_revision(postgresql.revision(url))


def check_revision(revision: str | None) -> None:
    """Raises SchemaMismatch when a database of this revision is not what this version works with."""
    if revision == LATEST_REVISION:
        return
    if revision is None:
        raise SchemaMismatch("The database has no tables yet: `aijobs init` makes them.")
    if revision < LATEST_REVISION:
        raise SchemaMismatch(
            f"The database is at revision {revision}, and this version of aijobs needs {LATEST_REVISION}: "
            "`aijobs init` brings it up to date."
        )
    require_known(revision)


def require_known(revision: str) -> None:
    """Raises SchemaMismatch for a revision that is newer than this version's."""
    if revision > LATEST_REVISION:
        raise SchemaMismatch(
            f"The database is at revision {revision}, and this version of aijobs knows none after {LATEST_REVISION}: "
            "run the version of aijobs that has migrated it."
        )


def run_migrations(url: URL) -> None:
    """Migrate a database to the newest revision, whoever else may be doing so."""
    from alembic import command  # takes long to load, and is needed once
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def upgrade_file(url: URL) -> str | None:
    """Make a database of SQLite where it is missing, and bring it up to date. Returns the revision that it had."""
    if url.database:
        make_private_folder(Path(url.database).parent)
        make_private_file(Path(url.database))  # SQLite gives its other files the same mode
    revision = sqlite.revision(url)
    if revision is not None and revision > LATEST_REVISION:
        check_revision(revision)
    if revision != LATEST_REVISION:
        run_migrations(url)
    return revision
