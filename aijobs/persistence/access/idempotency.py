"""Idempotency keys: a repeated request gets the first answer, and is not executed again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlmodel import Session, col, delete

from aijobs.domain.errors import IdempotencyInFlight, IdempotencyMismatch
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import IdempotencyRow

KEPT_FOR: Final = timedelta(hours=24)
IN_FLIGHT_AT_MOST: Final = timedelta(minutes=10)
"""After this long without an answer, the process of the request counts as dead."""


@dataclass(frozen=True, kw_only=True)
class IdempotencyClaim:
    """A request with an idempotency key. The `owner` is the caller's key together with the user it acts for.

    Two claims are the same request when their bodies are equal (`request_sha256`) or mean the same
    (`meaning_sha256`, None where the meaning cannot be determined).
    """

    owner: str
    key: str
    request_sha256: str
    meaning_sha256: str | None = None


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
    """As `first_receipt`. When it returns None, the request is claimed, and `settle` or `release` must follow."""
    row = _locked(session, request)
    if row is not None and not _is_forgotten(row):
        return _receipt_or_error(row, request)
    session.merge(
        IdempotencyRow(
            owner=request.owner,
            key=request.key,
            request_sha256=request.request_sha256,
            meaning_sha256=request.meaning_sha256,
        )
    )
    _forget_old(session, request.owner)
    return None


def settle(session: Session, request: IdempotencyClaim, receipt: Receipt) -> None:
    """Store the receipt of a claimed request."""
    row = _locked(session, request)
    if row is not None:
        row.answer = receipt.answer


def release(session: Session, request: IdempotencyClaim) -> None:
    """Give up a claimed request that has failed: it may be sent again."""
    row = _locked(session, request)
    if row is not None and row.answer is None:
        session.delete(row)


def _locked(session: Session, request: IdempotencyClaim) -> IdempotencyRow | None:
    return session.get(IdempotencyRow, (request.owner, request.key), with_for_update=True)


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
    """Delete the expired keys of an owner."""
    session.flush()
    old = col(IdempotencyRow.create_time) < now() - KEPT_FOR
    session.exec(delete(IdempotencyRow).where(col(IdempotencyRow.owner) == owner, old))
