"""A page of a list: so many rows, and whether there are more."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, TypeVarTuple, overload

from sqlalchemy import ColumnElement, bindparam, false, func, select, true, union_all
from sqlalchemy import Select as CoreSelect
from sqlmodel import Session
from sqlmodel.sql.expression import Select, SelectOfScalar

from aijobs.domain.values.ids import first_code_since
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables.locked_jobs import JOBS

CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""At most so much, together with the time from a code to the insert of its job."""

BESIDE: Final = 200
"""At most so many jobs are inserted beside each other: their ids do not follow their codes."""

MIN_MOMENT: Final = datetime(1970, 1, 2, tzinfo=UTC)
MAX_MOMENT: Final = datetime(9999, 1, 1, tzinfo=UTC)

_BY_CODE: Final = select(JOBS.c.id).where(JOBS.c.code >= bindparam("since")).order_by(JOBS.c.code)
_FIRST: Final = _BY_CODE.limit(1)
_LOWEST: Final = select(func.min(_BY_CODE.limit(BESIDE).subquery().c.id))

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


def newest_ids(queries: Iterable[CoreSelect[Any]], *, at_most: int, oldest_first: bool = False) -> CoreSelect[int]:
    """The largest of the ids that one or several queries find, in descending order. Each selects one column, an id.

    With `oldest_first` the smallest, in ascending order.

    For lists with several values of a column by which an index begins: each value's rows are in the order of their ids
    there, those of all values together are not. So each query is answered in order by the index, and none is sorted.
    """

    def order(column: ColumnElement[int]) -> ColumnElement[int]:
        return column.asc() if oldest_first else column.desc()

    pages = [query.order_by(order(query.selected_columns[0])).limit(at_most).subquery() for query in queries]
    united = union_all(*(select(page.c[0].label("id")) for page in pages)).subquery()
    return select(united.c.id).order_by(order(united.c.id)).limit(at_most)


def ids_between(session: Session, since: datetime | None, until: datetime | None) -> Iterator[ColumnElement[bool]]:
    """What the time of its code says of a job's id: that of every job between these moments, and of few others."""
    if since is not None:
        first = first_id_since(session, since)
        yield false() if first is None else JOBS.c.id >= first
    if until is not None:
        behind = first_id_since(session, min(until, MAX_MOMENT) + CLOCKS_DIFFER, exactly=True)
        yield true() if behind is None else JOBS.c.id < behind


def first_id_since(session: Session, moment: datetime, *, exactly: bool = False) -> int | None:
    """An id that no job since then is below, and few before then are above; None when there is no job since then.

    A code has the time of the host that made it, an id the order of the inserts: they are as close as the clocks.
    `exactly` is the id of the first code since then, which those of other hosts may be below.
    """
    since = moment if exactly else max(moment, MIN_MOMENT) - CLOCKS_DIFFER
    query = _FIRST if exactly else _LOWEST
    found: int | None = connection_of(session).execute(query, {"since": first_code_since(since)}).scalar_one_or_none()
    return found
