"""Column types that SQLite and PostgreSQL store without loss."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Dialect, Index, Integer, SmallInteger, String, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

from aijobs.domain.lifecycle import JobStatus

#: Named constraints, so that migrations can change them on both databases. Set before the first table is declared.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

#: SQLite numbers rows by itself only in a column that is exactly INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


#: A code that is also compared by its beginning: in the order of its characters, whatever language a server sorts in.
Code = String(40).with_variant(String(40, collation="C"), "postgresql")


class StatusColumn(TypeDecorator[JobStatus]):
    """A job status as its number."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: JobStatus | None, _dialect: Dialect) -> int | None:
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> JobStatus | None:
        return None if value is None else JobStatus(value)


def only_on(dialect: str, index: Index) -> Index:
    """An index that one of the two databases has, and the other does not need."""
    index.info["only_on"] = dialect
    index.ddl_if(dialect=dialect)
    return index


def partial_index(name: str, *columns: str, where: str) -> Index:
    """An index of the rows for which `where` holds: for what few rows have."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def now() -> datetime:
    """The current time, in UTC."""
    return datetime.now(UTC)
