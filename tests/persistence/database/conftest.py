"""A PostgreSQL server that tests may kill and fill, and both databases side by side."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import make_url

from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from tests.databases import KINDS, Databases
from tests.persistence.database.postgresql_server import SAFE, PostgresqlServer, postgresql_server

FEW_CONNECTIONS = {"max_connections": "20", "superuser_reserved_connections": "3"}


@pytest.fixture(scope="module")
def prepared_server() -> Iterator[PostgresqlServer]:
    """Loses nothing that was committed when it is killed. Its user `app` is no superuser."""
    with postgresql_server(options=SAFE | FEW_CONNECTIONS) as server:
        upgrade_postgresql(make_url(server.url("aijobs")))
        server.execute(sql.SQL("CREATE ROLE app LOGIN"), "aijobs")
        server.execute(sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO app"), "aijobs")
        yield server


@pytest.fixture
def server(prepared_server: PostgresqlServer) -> Iterator[PostgresqlServer]:
    """Running, and writable, before and after each test."""
    yield prepared_server
    if prepared_server.process is None:
        prepared_server.start()
    prepared_server.execute(sql.SQL("ALTER SYSTEM RESET ALL"))
    prepared_server.execute(sql.SQL("SELECT pg_reload_conf()"))
    prepared_server.execute(sql.SQL("TRUNCATE write_intent"), "aijobs")


@pytest.fixture
async def both(databases: Databases, tmp_path: Path) -> AsyncIterator[Mapping[str, Database]]:
    async with AsyncExitStack() as opened:
        yield {kind: await opened.enter_async_context(opened_database(databases.url(tmp_path, kind))) for kind in KINDS}
    databases.drop_below(tmp_path)
