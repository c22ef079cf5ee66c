"""A database of PostgreSQL: on SQLite no two transactions overlap."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from aijobs.persistence.database import Database, opened_database
from tests.databases import POSTGRESQL, Databases
from tests.persistence.database.overlaps.stepping import Overlaps, overlaps


@pytest.fixture
def postgresql_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    yield databases.url(tmp_path, POSTGRESQL)
    databases.drop_below(tmp_path)


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    async with opened_database(postgresql_url) as database:
        yield database


@pytest.fixture
def overlapping(postgresql_url: str) -> Overlaps:
    """Each way in which two transactions can overlap."""
    return partial(overlaps, postgresql_url)
