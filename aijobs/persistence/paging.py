"""A page of a list: so many rows, and whether there are more."""

from typing import Any, TypeVar, TypeVarTuple, overload

from sqlmodel import Session
from sqlmodel.sql.expression import Select, SelectOfScalar

Row = TypeVar("Row")
Columns = TypeVarTuple("Columns")


@overload
def page_of(session: Session, query: SelectOfScalar[Row], *, limit: int) -> tuple[list[Row], bool]: ...


@overload
def page_of(session: Session, query: Select[*Columns], *, limit: int) -> tuple[list[tuple[*Columns]], bool]: ...


def page_of(session: Session, query: Any, *, limit: int) -> tuple[list[Any], bool]:
    """Up to `limit` rows of an ordered query, and whether there are more. `limit` is at least 1."""
    rows = list(session.exec(query.limit(limit + 1)))
    return rows[:limit], len(rows) > limit
