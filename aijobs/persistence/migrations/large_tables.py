"""Indexes of tables that may hold millions of rows: PostgreSQL builds them while the table is written to."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


def create_index(
    name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str | None = None
) -> None:
    """Build an index without stopping writers. A half-built one, which a killed migration left, is built again.

    `where` says of which rows: a condition in SQL that both databases share.

    On PostgreSQL the migration's transaction is committed before it: put whatever belongs together before or after.
    """
    condition = None if where is None else sa.text(where)
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, list(columns), unique=unique, sqlite_where=condition)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(
            name, table, list(columns), unique=unique, postgresql_concurrently=True, postgresql_where=condition
        )


def drop_index(name: str, table: str) -> None:
    """Drop an index without waiting for readers and writers."""
    if op.get_bind().dialect.name != "postgresql":
        op.drop_index(name, table)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
