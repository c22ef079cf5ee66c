"""Puts a pseudonym in place of an erased user, so that the points ledger stays balanced at every moment."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, func, select, tuple_
from sqlalchemy import delete as delete_rows
from sqlalchemy import update as update_rows
from sqlmodel import Session, SQLModel

from aijobs.domain.points import EntryKind
from aijobs.persistence.access.keys import KEY_ID_LENGTH
from aijobs.persistence.access.sessions import PERSON_PREFIX
from aijobs.persistence.database import connection_of
from aijobs.persistence.retention.job_parts import EVENTS, ITEMS, delete_of
from aijobs.persistence.tables.locked_jobs import JOBS

AT_ONCE: Final = 200

_TABLES: Final = SQLModel.metadata.tables
ENTRIES: Final = _TABLES["points_entry"]
DAYS: Final = _TABLES["points_day"]
KEYS: Final = _TABLES["api_key"]
BATCHES: Final = _TABLES["batch"]

#: What is only the user's, by its column: deleted at the end.
_OWN: Final = (
    "points_limit", "user_share", "user_turn", "webhook_secret", "retention_rule", "browser_session",
)  # fmt: skip

#: What operators have said of a user.
_NAMED: Final = ("pause", "legal_hold")


def rename_jobs(session: Session, codes: Sequence[str], user_id: str, pseudonym: str) -> None:
    """Of jobs that are erased: their rows, their last events, and their points with the sums of their days."""
    connection = connection_of(session)
    for table, column in ((JOBS, JOBS.c.code), (EVENTS, EVENTS.c.job_code), (ITEMS, ITEMS.c.job_code)):
        connection.execute(update_rows(table).where(column.in_(codes)).values(user_id=pseudonym))
    for day, used in _used_by(session, codes, user_id).items():
        _move(session, user_id, pseudonym, day, used=used)
    of_jobs = update_rows(ENTRIES).where(ENTRIES.c.job_code.in_(codes), ENTRIES.c.user_id == user_id)
    connection.execute(of_jobs.values(user_id=pseudonym))


def _used_by(session: Session, codes: Sequence[str], user_id: str) -> dict[date, int]:
    """What the entries of the jobs are of the used points of each day. None of jobs that are erased are held."""
    entries = connection_of(session).execute(
        select(ENTRIES.c.day, ENTRIES.c.kind, ENTRIES.c.points).where(
            ENTRIES.c.job_code.in_(codes), ENTRIES.c.user_id == user_id
        )
    )
    used: dict[date, int] = defaultdict(int)
    for day, kind, points in entries:
        used[day] += {EntryKind.RESERVE: points, EntryKind.REFUND: -points}.get(EntryKind(kind), 0)
    return used


def _move(session: Session, user_id: str, pseudonym: str, day: date, *, used: int) -> None:
    connection = connection_of(session)
    theirs = update_rows(DAYS).where(DAYS.c.user_id == user_id, DAYS.c.day == day)
    connection.execute(theirs.values(used=DAYS.c.used - used))
    others = update_rows(DAYS).where(DAYS.c.user_id == pseudonym, DAYS.c.day == day)
    if connection.execute(others.values(used=DAYS.c.used + used)).rowcount == 0:
        connection.execute(DAYS.insert().values(user_id=pseudonym, day=day, used=used, held=0, alerted=0))


def items_of_user(session: Session, user_id: str) -> list[tuple[Any, ...]]:
    """Some items of batches that are the user's, or were when their job was: without a job, those have ended too."""
    query = select(ITEMS.c.batch_id, ITEMS.c.number).where(ITEMS.c.user_id == user_id).limit(AT_ONCE)
    return [tuple(row) for row in connection_of(session).execute(query)]


def rename_items(session: Session, items: Sequence[tuple[Any, ...]], pseudonym: str) -> None:
    """What an item was to do is erased."""
    of_items = update_rows(ITEMS).where(tuple_(ITEMS.c.batch_id, ITEMS.c.number).in_(items))
    connection_of(session).execute(of_items.values(user_id=pseudonym, params={}, metadata={}, error=None))


def batches_of_user(session: Session, user_id: str) -> list[str]:
    query = select(BATCHES.c.code).where(BATCHES.c.user_id == user_id).limit(AT_ONCE)
    return list(connection_of(session).execute(query).scalars())


def rename_batches(session: Session, codes: Sequence[str], pseudonym: str) -> None:
    bare: dict[str, Any] = {
        "metadata": {},
        "callback_url": None,
        "item_callback_url": None,
        "create_by": None,
        "update_by": None,
    }
    of_codes = update_rows(BATCHES).where(BATCHES.c.code.in_(codes))
    connection_of(session).execute(of_codes.values(user_id=pseudonym, **bare))


def rows_of_user(session: Session, user_id: str) -> tuple[Table, list[tuple[Any, ...]]] | None:
    """Some rows that are the user's and no job's, of one table, by their primary keys.

    Receivers for all users were told of the user, too.
    """
    deliveries, extracted, keys = (_TABLES[name] for name in ("webhook_delivery", "template_row", "idempotency_key"))
    for table, condition in (
        (deliveries, (deliveries.c.user_id == user_id) | (deliveries.c.payload["user_id"].as_string() == user_id)),
        (extracted, extracted.c.user_id == user_id),
        (_TABLES["track"], _TABLES["track"].c.user_id == user_id),
        (_TABLES["batch_points"], _TABLES["batch_points"].c.user_id == user_id),
        (keys, _is_owner_for(keys.c.owner, user_id)),
    ):
        query = select(*table.primary_key.columns).where(condition).limit(AT_ONCE)
        if found := [tuple(row) for row in connection_of(session).execute(query)]:
            return table, found
    return None


def _is_owner_for(owner: ColumnElement[str], user_id: str) -> ColumnElement[bool]:
    """Whether a key or a person (`Owner.name`) has acted for this user: the ids of users may hold colons too."""
    is_for = func.substr(owner, func.length(owner) - len(user_id)) == f":{user_id}"
    is_key = func.length(owner) == len(f"{'0' * KEY_ID_LENGTH}:{user_id}")
    return is_for & (is_key | (func.substr(owner, 1, len(PERSON_PREFIX)) == PERSON_PREFIX))


def shut_out(session: Session, user_id: str) -> None:
    """Delete the user's keys, with the sessions that they have opened, and the endpoints' claim to new webhooks."""
    connection = connection_of(session)
    sessions, endpoints = _TABLES["browser_session"], _TABLES["webhook_endpoint"]
    own_keys = select(KEYS.c.key_id).where(KEYS.c.user_id == user_id)
    delete_of(session, sessions, sessions.c.key_id.in_(own_keys) | (sessions.c.user_id == user_id))
    connection.execute(delete_rows(KEYS).where(KEYS.c.user_id == user_id))
    connection.execute(update_rows(endpoints).where(endpoints.c.user_id == user_id).values({"del": True}))


def forget_user(session: Session, user_id: str, pseudonym: str) -> None:
    """The rest, when nothing else is left."""
    connection = connection_of(session)
    shut_out(session, user_id)
    endpoints = _TABLES["webhook_endpoint"]
    delete_of(session, endpoints, endpoints.c.user_id == user_id)
    for name in _OWN:
        delete_of(session, _TABLES[name], _TABLES[name].c.user_id == user_id)
    delete_of(session, DAYS, DAYS.c.user_id == user_id, DAYS.c.used == 0, DAYS.c.held == 0)
    for name in _NAMED:
        of_user = update_rows(_TABLES[name]).where(_TABLES[name].c.kind == "user", _TABLES[name].c.name == user_id)
        connection.execute(of_user.values(name=pseudonym, reason=""))
    connection.execute(
        update_rows(_TABLES["table_change"])
        .where(_TABLES["table_change"].c.user_id == user_id)
        .values(user_id=pseudonym)
    )
