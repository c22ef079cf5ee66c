"""A page of a list: so many rows, and whether there are more."""

from typing import Any, TypeVar, TypeVarTuple, overload

from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import Select, SelectOfScalar

Row = TypeVar("Row")
Columns = TypeVarTuple("Columns")


@overload
async def page_of(session: AsyncSession, query: SelectOfScalar[Row], *, limit: int) -> tuple[list[Row], bool]: ...


@overload
async def page_of(
    session: AsyncSession, query: Select[*Columns], *, limit: int
) -> tuple[list[tuple[*Columns]], bool]: ...


async def page_of(session: AsyncSession, query: Any, *, limit: int) -> tuple[list[Any], bool]:
    """Up to `limit` rows of an ordered query, and whether there are more. `limit` is at least 1."""
    rows = list(await session.exec(query.limit(limit + 1)))
    return rows[:limit], len(rows) > limit
