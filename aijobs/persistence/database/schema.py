"""The revision of a database, and how its tables are brought up to date."""

import os
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from aijobs.domain.errors import SchemaMismatch
from aijobs.persistence.database import postgresql, sqlite
from aijobs.persistence.private_files import make_private_file, make_private_folder

LATEST_REVISION: Final = "0040"
"""The newest migration. Revisions are numbers of four digits: a later one is greater."""

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"


COPIES_KEPT: Final = 2
"""Copies of a file from before a migration: the older ones are deleted."""


def make_ready(url: URL) -> None:
    """Migrate a database of SQLite, which belongs to this installation alone.

    That of PostgreSQL is migrated by `aijobs init` only. Raises SchemaMismatch when this version cannot work with it.
    """
    if url.get_backend_name() == "sqlite":
        upgrade_file(url)
    else:
        check_revision(postgresql.revision(url), oldest_code=postgresql.oldest_code(url))


def check_revision(revision: str | None, *, oldest_code: str | None) -> None:
    """Raises SchemaMismatch when a database of this revision is not what this version works with.

    `oldest_code` is the oldest revision whose code may still use the database, as the database says. Migrations only
    add, so that the version before goes on with them; one that takes something away says so there.
    """
    if revision is None:
        raise SchemaMismatch("The database has no tables yet: `aijobs init` makes them.")
    if revision < LATEST_REVISION:
        raise SchemaMismatch(
            f"The database is at revision {revision}, and this version of aijobs needs {LATEST_REVISION}: "
            "`aijobs init` brings it up to date."
        )
    if revision > LATEST_REVISION and (oldest_code is None or oldest_code > LATEST_REVISION):
        raise SchemaMismatch(
            f"The database is at revision {revision}, and this version of aijobs knows none after {LATEST_REVISION}: "
            "run the version of aijobs that has migrated it, or restore a copy from before (docs/upgrades.md)."
        )


def run_migrations(url: URL, migrations: Path = MIGRATIONS) -> None:
    """Migrate a database to the newest revision, whoever else may be doing so."""
    from alembic import command  # takes long to load, and is needed once
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["url"] = url
    command.upgrade(config, "head")


def upgrade_file(url: URL, *, migrations: Path = MIGRATIONS) -> str | None:
    """Make a database of SQLite where it is missing, and bring it up to date. Returns the revision that it had.

    A file that has tables is copied first, to `copy_before`; when the migration fails it is as it was. `migrations` is
    the folder of the migrations' environment.
    """
    if url.database:
        make_private_folder(Path(url.database).parent)
        make_private_file(Path(url.database))  # SQLite gives its other files the same mode
    revision = sqlite.revision(url)
    if revision is not None and revision > LATEST_REVISION:
        check_revision(revision, oldest_code=sqlite.oldest_code(url))
    elif revision is None or not url.database:
        run_migrations(url, migrations)
    elif revision < LATEST_REVISION:
        _upgrade_with_copy(url, Path(url.database), revision, migrations)
    return revision


def copy_before(database: Path, revision: str) -> Path:
    """Where a file is kept as it was at a revision, before it was migrated."""
    return database.with_name(f"{database.name}.at-{revision}")


def _upgrade_with_copy(url: URL, database: Path, revision: str, migrations: Path) -> None:
    """Of several processes that do so at once, one migrates; whose copy is already migrated keeps the other's."""
    copy, draft = copy_before(database, revision), database.with_name(f"{database.name}.at-{revision}.{os.getpid()}")
    make_private_file(draft)
    try:
        sqlite.copy_file(database, draft)
        if sqlite.revision(url.set(database=str(draft))) == revision:
            draft.replace(copy)
    finally:
        draft.unlink(missing_ok=True)
    try:
        run_migrations(url, migrations)
    except Exception:
        # It is one transaction, unless a migration has committed a part of it. To the end, only another process can go.
        if sqlite.revision(url) != LATEST_REVISION and sqlite.schema(database) != sqlite.schema(copy):
            sqlite.copy_file(copy, database)
        raise
    for older in sorted(database.parent.glob(f"{database.name}.at-????"), reverse=True)[COPIES_KEPT:]:
        older.unlink(missing_ok=True)
