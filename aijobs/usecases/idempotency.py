"""Idempotency keys for use cases: a repeated request gets the first receipt, and nothing is done twice.

Only the API knows the first response's format: a use case gets a function that makes it
(`Render`), stores it with the key, and returns it.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlmodel import Session

from aijobs.domain.values.actors import Owner
from aijobs.persistence.access import idempotency
from aijobs.persistence.access.idempotency import IdempotencyClaim, Receipt
from aijobs.persistence.database import Database

T = TypeVar("T")

Render = Callable[[T], dict[str, Any]]
"""Makes the response for a new resource, which a repeated request gets again."""


@dataclass(frozen=True)
class Execution(Generic[T]):
    """`made` is None when the request was a repetition."""

    receipt: Receipt
    made: T | None = None


def claim_for(
    owner: Owner, key: str | None, request: Any, *, meaning: Callable[[], str | None] | None = None
) -> IdempotencyClaim | None:
    """The claim of an idempotency key; None without a key.

    `request` is JSON. `meaning` returns a digest, for requests that can be written in several ways.
    """
    if key is None:
        return None
    canonical = json.dumps(request, sort_keys=True)
    sha256 = hashlib.sha256(canonical.encode()).hexdigest()
    return IdempotencyClaim(
        owner=owner.name,
        key=key,
        request_sha256=sha256,
        meaning_sha256=meaning() if meaning else None,
    )


async def first_receipt(database: Database, claim: IdempotencyClaim | None) -> Receipt | None:
    """The receipt of the first request with this claim, if any: a repetition is not validated again.

    Raises IdempotencyMismatch and IdempotencyInFlight.
    """
    if claim is None:
        return None
    return await database.read(idempotency.first_receipt, claim)


async def run_idempotently(
    database: Database,
    claim: IdempotencyClaim | None,
    make: Callable[[Session], T],
    *,
    receipt_of: Callable[[T], Receipt],
) -> Execution[T]:
    """Call `make`, or return the first receipt. In one transaction, so that one of two concurrent requests wins.

    `make` and `receipt_of` are called within it, as `Database.write` describes.
    """

    def work(session: Session) -> Execution[T]:
        first = idempotency.claim(session, claim) if claim else None
        if first is not None:
            return Execution(first)
        made = make(session)
        receipt = receipt_of(made)
        if claim:
            idempotency.settle(session, claim, receipt)
        return Execution(receipt, made)

    return await database.write(work)


@asynccontextmanager
async def claimed(database: Database, claim: IdempotencyClaim | None) -> AsyncIterator[Receipt | None]:
    """For work that takes longer than a transaction. Within the block, a repetition raises IdempotencyInFlight.

    Yields the first receipt if there is one; else the block must `settle` the claim. The claim is released when the
    block fails.
    """
    if claim is None:
        yield None
        return
    first = await database.write(idempotency.claim, claim)
    try:
        yield first
    except BaseException:
        await database.write(idempotency.release, claim)
        raise
