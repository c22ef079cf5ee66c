"""Brings the tables of a database up to date."""

from pathlib import Path
from typing import Final

from sqlalchemy import URL

from aijobs.persistence.database import postgresql, sqlite
from aijobs.persistence.private_files import make_private_file, make_private_folder

LATEST_REVISION: Final = "0007"
"""The newest migration."""

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"


def upgrade(url: URL) -> None:
    """Make the tables, or change them to what the newest migration declares. Does nothing when they are that."""
    if url.get_backend_name() == "sqlite" and url.database:
        make_private_folder(Path(url.database).parent)
        make_private_file(Path(url.database))  # SQLite gives its other files the same mode
    dialect = sqlite if url.get_backend_name() == "sqlite" else postgresql
    if dialect.revision(url) == LATEST_REVISION:
        return
    from alembic import command  # takes long to load, and is needed once
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    command.upgrade(config, "head")
