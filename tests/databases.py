"""The databases that tests run on: a file of SQLite, or a database of a real PostgreSQL server."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from tests.persistence.postgresql_server import PostgresqlServer, postgresql_server

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
KINDS: Final = (SQLITE, POSTGRESQL)


class Databases:
    """Makes databases of one kind for tests, each with all tables. One for each data folder, as SQLite's file is.

    The PostgreSQL server is started when it is first needed, once for all tests of a process.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.kind = SQLITE
        self._stack = stack
        self._server: PostgresqlServer | None = None
        self._template = ""
        self._names: dict[Path, str] = {}

    @property
    def server(self) -> PostgresqlServer:
        if self._server is None:
            self._server = self._stack.enter_context(postgresql_server())
            self._template = self._server.create_database()
            upgrade_postgresql(make_url(self._server.url(self._template)))
        return self._server

    def url(self, folder: Path, *, kind: str | None = None) -> str:
        """Of the database that belongs to a data folder. `kind` is that of the running test, where none is named."""
        if (kind or self.kind) == SQLITE:
            return f"sqlite:///{folder}/aijobs.db"
        server = self.server
        if folder not in self._names:
            self._names[folder] = server.create_database(self._template)
        return server.url(self._names[folder])

    def drop_below(self, folder: Path) -> None:
        """Drop the databases whose data folder is this one, or below it: a test's own."""
        for own in [own for own in self._names if own.is_relative_to(folder)]:
            self.server.drop_database(self._names.pop(own))


@contextmanager
def opened_databases() -> Iterator[Databases]:
    with ExitStack() as stack:
        yield Databases(stack)
