"""Idempotency keys: a repeated request gets the first answer, and is not executed again.

A claim is one statement, which waits for whoever is inserting the same key: to look first and insert then would let two
transactions that overlap both find nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table, bindparam, null, text, update
from sqlalchemy import delete as delete_rows
from sqlmodel import Session, col, delete, select

from aijobs.domain.errors import IdempotencyInFlight, IdempotencyMismatch
from aijobs.persistence.column_types import now
from aijobs.persistence.database import connection_of
from aijobs.persistence.tables import IdempotencyRow

KEYS: Final[Table] = IdempotencyRow.__table__  # type: ignore[attr-defined]

KEPT_FOR: Final = timedelta(hours=24)
IN_FLIGHT_AT_MOST: Final = timedelta(minutes=10)
"""After this long without an answer, the process of the request counts as dead."""

#: In SQL that SQLite and PostgreSQL share.
_CLAIM: Final = text(
    'INSERT INTO idempotency_key (owner, "key", request_sha256, meaning_sha256, create_time) '
    "VALUES (:owner, :key, :request_sha256, :meaning_sha256, :create_time) ON CONFLICT DO NOTHING"
).bindparams(bindparam("create_time", type_=KEYS.c.create_time.type))

_OF_KEY: Final = (KEYS.c.owner == bindparam("of_owner"), KEYS.c.key == bindparam("of_key"))
_OF_CLAIM: Final = (*_OF_KEY, KEYS.c.create_time == bindparam("made_at"))
_TAKE_OVER: Final = update(KEYS).where(*_OF_KEY).values(answer=null())
_SETTLE: Final = update(KEYS).where(*_OF_CLAIM)
_RELEASE: Final = delete_rows(KEYS).where(*_OF_CLAIM, KEYS.c.answer.is_(None))


@dataclass(frozen=True, kw_only=True)
class IdempotencyClaim:
    """A request with an idempotency key. The `owner` is the caller's key together with the user it acts for.

    Two claims are the same request when their bodies are equal (`request_sha256`) or mean the same
    (`meaning_sha256`, None where the meaning cannot be determined). `made_at` tells the claim from one that takes the
    key over when this one counts as dead.
    """

    owner: str
    key: str
    request_sha256: str
    meaning_sha256: str | None = None
    made_at: datetime = field(default_factory=now, compare=False)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The stored result of an executed request: the `code` of what it created, and the `answer` to send again.

    The answer is the API's document, stored unchanged; its `body` has the code.
    """

    code: str
    answer: dict[str, Any]


def first_receipt(session: Session, request: IdempotencyClaim) -> Receipt | None:
    """The receipt of the first such request, if there was one. Raises IdempotencyMismatch and IdempotencyInFlight."""
    row = session.get(IdempotencyRow, (request.owner, request.key))
    return _receipt_or_error(row, request) if row is not None and not _is_forgotten(row) else None


def claim(session: Session, request: IdempotencyClaim) -> Receipt | None:
    """As `first_receipt`. When it returns None, the request is claimed, and `settle` or `release` must follow.

    Until the transaction of the first request has ended, another with its key waits.
    """
    claimed = {
        "request_sha256": request.request_sha256,
        "meaning_sha256": request.meaning_sha256,
        "create_time": request.made_at,
    }
    inserted = connection_of(session).execute(_CLAIM, {"owner": request.owner, "key": request.key, **claimed})
    if inserted.rowcount == 0:
        row = session.get(IdempotencyRow, (request.owner, request.key), with_for_update=True)
        if row is None:
            raise IdempotencyInFlight("Another request with this Idempotency-Key has just failed. Send it again.")
        if not _is_forgotten(row):
            return _receipt_or_error(row, request)
        connection_of(session).execute(_TAKE_OVER, {**_named(request), **claimed})
    _forget_old(session, request.owner)
    return None


def settle(session: Session, request: IdempotencyClaim, receipt: Receipt) -> None:
    """Store the receipt of a claimed request. Raises IdempotencyInFlight when the claim has lasted too long."""
    settled = connection_of(session).execute(_SETTLE, {**_named(request), "answer": receipt.answer})
    if settled.rowcount == 0:
        raise IdempotencyInFlight("This took too long: another request may have its Idempotency-Key now.")


def release(session: Session, request: IdempotencyClaim) -> None:
    """Give up a claimed request that has failed: it may be sent again."""
    connection_of(session).execute(_RELEASE, _named(request))


def _named(request: IdempotencyClaim) -> dict[str, Any]:
    return {"of_owner": request.owner, "of_key": request.key, "made_at": request.made_at}


def _receipt_or_error(row: IdempotencyRow, request: IdempotencyClaim) -> Receipt:
    if not _is_same_request(row, request):
        raise IdempotencyMismatch("This Idempotency-Key was used for another request.")
    if row.answer is None:
        raise IdempotencyInFlight("The first request with this Idempotency-Key is still under way.")
    return Receipt(code=row.answer["body"]["code"], answer=row.answer)


def _is_same_request(row: IdempotencyRow, request: IdempotencyClaim) -> bool:
    if row.request_sha256 == request.request_sha256:
        return True
    return request.meaning_sha256 is not None and row.meaning_sha256 == request.meaning_sha256


def _is_forgotten(row: IdempotencyRow) -> bool:
    return row.create_time < now() - (KEPT_FOR if row.answer else IN_FLIGHT_AT_MOST)


def _forget_old(session: Session, owner: str) -> None:
    """Delete the expired keys of an owner; those that others are at work on are left to them."""
    old = select(IdempotencyRow.key).where(
        col(IdempotencyRow.owner) == owner, col(IdempotencyRow.create_time) < now() - KEPT_FOR
    )
    session.exec(
        delete(IdempotencyRow).where(
            col(IdempotencyRow.owner) == owner, col(IdempotencyRow.key).in_(old.with_for_update(skip_locked=True))
        )
    )
