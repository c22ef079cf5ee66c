"""Alembic's entry: brings a database's tables to the state that persistence/tables declares."""

from typing import Literal

from alembic import context
from sqlalchemy import create_engine, make_url
from sqlmodel import SQLModel

import aijobs.persistence.tables  # noqa: F401  (declares the tables)
from aijobs.persistence.column_types import StatusColumn
from aijobs.persistence.database.sqlite import one_writer


def render(kind: str, declared: object, _context: object) -> str | Literal[False]:
    """Migrations stand on their own: they name the plain type behind ours."""
    return "sa.SmallInteger()" if kind == "type" and isinstance(declared, StatusColumn) else False


url = make_url(context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True)["url"])
engine = one_writer(create_engine(url))

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        render_item=render,
        compare_type=True,
        transactional_ddl=True,  # else each migration is a transaction of its own, and the lock is let go between
    )
    with context.begin_transaction():  # the write lock is taken first: of two processes that start, one migrates
        context.run_migrations()
engine.dispose()
