"""Idempotency keys: a repeated request gets the first answer, and is not executed again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

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


async def first_receipt(session: AsyncSession, request: IdempotencyClaim) -> Receipt | None:
    """The receipt of the first such request, if there was one. Raises IdempotencyMismatch and IdempotencyInFlight."""
    row = await session.get(IdempotencyRow, (request.owner, request.key))
    return _receipt_or_error(row, request) if row is not None and not _is_forgotten(row) else None


async def claim(session: AsyncSession, request: IdempotencyClaim) -> Receipt | None:
    """As `first_receipt`. When it returns None, the request is claimed, and `settle` or `release` must follow."""
    row = await _locked(session, request)
    if row is not None and not _is_forgotten(row):
        return _receipt_or_error(row, request)
    await session.merge(
        IdempotencyRow(
            owner=request.owner,
            key=request.key,
            request_sha256=request.request_sha256,
            meaning_sha256=request.meaning_sha256,
        )
    )
    await _forget_old(session, request.owner)
    return None


async def settle(session: AsyncSession, request: IdempotencyClaim, receipt: Receipt) -> None:
    """Store the receipt of a claimed request."""
    row = await _locked(session, request)
    if row is not None:
        row.answer = receipt.answer


async def release(session: AsyncSession, request: IdempotencyClaim) -> None:
    """Give up a claimed request that has failed: it may be sent again."""
    row = await _locked(session, request)
    if row is not None and row.answer is None:
        await session.delete(row)


async def _locked(session: AsyncSession, request: IdempotencyClaim) -> IdempotencyRow | None:
    return await session.get(IdempotencyRow, (request.owner, request.key), with_for_update=True)


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


async def _forget_old(session: AsyncSession, owner: str) -> None:
    """Delete the expired keys of an owner."""
    await session.flush()
    old = col(IdempotencyRow.create_time) < now() - KEPT_FOR
    await session.exec(delete(IdempotencyRow).where(col(IdempotencyRow.owner) == owner, old))
