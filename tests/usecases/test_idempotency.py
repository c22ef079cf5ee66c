"""A request whose Idempotency-Key was given to the next one gives nothing to it, and takes nothing from it."""

from datetime import timedelta

import pytest
from sqlmodel import Session, select

from aijobs.domain.errors import IdempotencyInFlight
from aijobs.persistence.access import idempotency
from aijobs.persistence.access.idempotency import IN_FLIGHT_AT_MOST, IdempotencyClaim, Receipt
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import IdempotencyRow
from api.dependencies import ApiDependencies

RECEIPT = Receipt(code="file_1", answer={"body": {"code": "file_1"}})


def claim() -> IdempotencyClaim:
    return IdempotencyClaim(owner="ada", key="up-1", request_sha256="the same")


async def keys_in(app: ApiDependencies) -> list[IdempotencyRow]:
    def work(session: Session) -> list[IdempotencyRow]:
        return list(session.exec(select(IdempotencyRow)))

    return await app.database.read(work)


async def claimed_long_ago(app: ApiDependencies) -> IdempotencyClaim:
    made_at = now() - IN_FLIGHT_AT_MOST - timedelta(seconds=1)
    old = IdempotencyClaim(owner="ada", key="up-1", request_sha256="the same", made_at=made_at)
    await app.database.write(idempotency.claim, old)
    return old


async def test_who_was_taken_for_dead_neither_answers_nor_frees_the_key(app: ApiDependencies) -> None:
    old, new = await claimed_long_ago(app), claim()
    await app.database.write(idempotency.claim, new)

    with pytest.raises(IdempotencyInFlight):
        await app.database.write(idempotency.settle, old, RECEIPT)
    await app.database.write(idempotency.release, old)
    with pytest.raises(IdempotencyInFlight):
        await app.database.write(idempotency.claim, claim())

    await app.database.write(idempotency.settle, new, RECEIPT)
    assert await app.database.write(idempotency.claim, claim()) == RECEIPT


async def test_a_receipt_is_not_given_up(app: ApiDependencies) -> None:
    first = claim()
    await app.database.write(idempotency.claim, first)
    await app.database.write(idempotency.settle, first, RECEIPT)

    await app.database.write(idempotency.release, first)

    assert await app.database.write(idempotency.claim, claim()) == RECEIPT


async def test_what_was_never_answered_is_swept_away(app: ApiDependencies) -> None:
    old = await claimed_long_ago(app)
    await app.database.write(idempotency.claim, IdempotencyClaim(owner="ada", key="up-2", request_sha256="another"))

    assert await app.records.housekeeping.forget_unanswered(older_than=IN_FLIGHT_AT_MOST) == 1
    assert [row.key for row in await keys_in(app)] == ["up-2"]
    with pytest.raises(IdempotencyInFlight):
        await app.database.write(idempotency.settle, old, RECEIPT)
