"""Idempotency keys around any use case: the same request again gets the first receipt, and nothing is done twice.

The first response is a document that the API renders and nobody else reads: a use case is
given the function which makes it (`Render`), keeps it with the key, and hands it back.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.values.actors import Owner
from aijobs.persistence.access import idempotency
from aijobs.persistence.access.idempotency import IdempotencyClaim, Receipt
from aijobs.persistence.database import Database

T = TypeVar("T")

Render = Callable[[T], dict[str, Any]]
"""Makes the document that the caller gets of a new thing, now and with every repetition."""


@dataclass(frozen=True)
class Execution(Generic[T]):
    """`made` is nothing when the request was a repetition."""

    receipt: Receipt
    made: T | None = None


def claim_for(
    owner: Owner, key: str | None, request: Any, *, meaning: Callable[[], str | None] | None = None
) -> IdempotencyClaim | None:
    """What an idempotency key stands for; nothing without one.

    `request` is JSON; `meaning` is asked for a digest where the same can be written in several ways.
    """
    if key is None:
        return None
    canonical = json.dumps(request, sort_keys=True)
    sha256 = hashlib.sha256(canonical.encode()).hexdigest()
    return IdempotencyClaim(
        owner=f"{owner.key_id}:{owner.user_id}",
        key=key,
        request_sha256=sha256,
        meaning_sha256=meaning() if meaning else None,
    )


async def first_receipt(database: Database, claim: IdempotencyClaim | None) -> Receipt | None:
    """The receipt of the first such request, which need not be checked again.

    Raises IdempotencyMismatch and IdempotencyInFlight.
    """
    if claim is None:
        return None
    async with database.read() as session:
        return await idempotency.first_receipt(session, claim)


async def run_idempotently(
    database: Database,
    claim: IdempotencyClaim | None,
    make: Callable[[AsyncSession], Awaitable[T]],
    *,
    receipt_of: Callable[[T], Receipt],
) -> Execution[T]:
    """Make something, or give the first receipt again: in one transaction, so that only one of two wins."""
    async with database.write() as session:
        first = await idempotency.claim(session, claim) if claim else None
        if first is not None:
            return Execution(first)
        made = await make(session)
        receipt = receipt_of(made)
        if claim:
            await idempotency.settle(session, claim, receipt)
    return Execution(receipt, made)


@asynccontextmanager
async def claimed(database: Database, claim: IdempotencyClaim | None) -> AsyncIterator[Receipt | None]:
    """For what takes longer than a transaction. Within the block the key is taken: a repetition is in flight.

    Gives the first receipt where there is one; else the block must `settle` the claim. It is free again when the block
    fails.
    """
    if claim is None:
        yield None
        return
    async with database.write() as session:
        first = await idempotency.claim(session, claim)
    try:
        yield first
    except BaseException:
        async with database.write() as session:
            await idempotency.release(session, claim)
        raise
