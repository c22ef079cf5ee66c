"""Alembic's entry: brings a database's tables to the state that persistence/tables declares.

On PostgreSQL its caller holds the migrations' lock: see `aijobs.persistence.database.postgresql_schema`.
"""

from typing import Final, Literal

from alembic import context
from sqlalchemy import Connection, create_engine, event, make_url
from sqlmodel import SQLModel

import aijobs.persistence.tables  # noqa: F401  (declares the tables)
from aijobs.persistence.column_types import StatusColumn
from aijobs.persistence.database import postgresql
from aijobs.persistence.database.sqlite import one_writer

#: What a change of a table waits for those who use it. They would wait behind it in turn, so it rather gives up.
LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '5s'"


def render(kind: str, declared: object, _context: object) -> str | Literal[False]:
    """Migrations stand on their own: they name the plain type behind ours."""
    return "sa.SmallInteger()" if kind == "type" and isinstance(declared, StatusColumn) else False


def is_compared(declared: object, _name: str | None, _kind: str, _reflected: bool, _other: object) -> bool:  # noqa: FBT001
    """Whether `alembic check` expects it: an index may be for the other database only."""
    info: dict[str, str] = getattr(declared, "info", {})
    return info.get("only_on", dialect) == dialect


def limit_waiting(connection: Connection) -> None:
    """In each migration's transaction. Indexes that are built outside of any may wait: nobody waits for them."""
    if not connection.connection.autocommit:
        connection.exec_driver_sql(LOCK_TIMEOUT)


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        render_item=render,
        include_object=is_compared,
        compare_type=True,
        transactional_ddl=True,  # else SQLite's lock would be let go between
        transaction_per_migration=dialect == "postgresql",  # indexes are built outside of any
    )
    with context.begin_transaction():
        context.run_migrations()


url = make_url(context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True)["url"])
dialect = url.get_backend_name()
if dialect == "sqlite":
    engine = one_writer(create_engine(url))
else:
    engine = postgresql.administrator(url)
    event.listen(engine, "begin", limit_waiting)
with engine.connect() as opened:
    migrate(opened)
engine.dispose()
