"""The databases that tests run on: a file of SQLite, or a database of a real PostgreSQL server."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from tests.persistence.database.postgresql_server import PostgresqlServer, postgresql_server

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
KINDS: Final = (SQLITE, POSTGRESQL)


class Databases:
    """Makes databases for tests, each with all tables. One for each data folder, as SQLite's file is.

    The PostgreSQL server is started when it is first needed, once for all tests of a process.
    """

    def __init__(self, stack: ExitStack) -> None:
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

    def url(self, folder: Path, kind: str) -> str:
        """Of the database that belongs to a data folder."""
        if kind == SQLITE:
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
    def of_kind(self, kind: str) -> Iterator[None]:
        """Meanwhile, `database_url` is that of such a database."""
        token = _of_test.set((self, kind))
        try:
            yield
        finally:
            _of_test.reset(token)


_of_test: ContextVar[tuple[Databases, str] | None] = ContextVar("database_of_test", default=None)


def database_url(folder: Path) -> str:
    """Of the database for a data folder: of the kind that the running test is for, or SQLite."""
    of_test = _of_test.get()
    return f"sqlite:///{folder}/aijobs.db" if of_test is None else of_test[0].url(folder, of_test[1])


@contextmanager
def opened_databases() -> Iterator[Databases]:
    with ExitStack() as stack:
        yield Databases(stack)
