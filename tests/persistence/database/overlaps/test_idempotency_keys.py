"""However two requests with one Idempotency-Key overlap, one is executed, and the other gets its receipt or waits."""

import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import pytest
from sqlmodel import Session, col, func, select, update

from aijobs.domain.errors import IdempotencyInFlight
from aijobs.persistence.access import idempotency
from aijobs.persistence.access.idempotency import IN_FLIGHT_AT_MOST, KEPT_FOR, IdempotencyClaim, Receipt
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.points.ledger import set_limit
from aijobs.persistence.tables import IdempotencyRow, PointsLimitRow
from aijobs.usecases.idempotency import run_idempotently
from tests.persistence.database.overlaps.stepping import Overlaps, Transaction

NUMBERS: Final = itertools.count()


def receipt_of(code: str) -> Receipt:
    return Receipt(code=code, answer={"body": {"code": code}})


def claim_of(key: str) -> IdempotencyClaim:
    """Of a request that comes now."""
    return IdempotencyClaim(owner="ada", key=key, request_sha256="the same")


async def unknown(_database: Database, _key: str) -> None:
    """Nobody has used the key."""


async def dead(database: Database, key: str) -> None:
    """The process of the first request has died long ago."""
    await database.write(idempotency.claim, claim_of(key))
    await database.write(_age, key, by=IN_FLIGHT_AT_MOST)


async def expired(database: Database, key: str) -> None:
    """Answered so long ago that the key may be used anew."""
    await database.write(idempotency.claim, claim := claim_of(key))
    await database.write(idempotency.settle, claim, receipt_of("of old"))
    await database.write(_age, key, by=KEPT_FOR)


def _age(session: Session, key: str, *, by: timedelta) -> None:
    long_ago = now() - by - timedelta(seconds=1)
    session.exec(update(IdempotencyRow).where(col(IdempotencyRow.key) == key).values(create_time=long_ago))


Before = Callable[[Database, str], Awaitable[None]]


@pytest.mark.parametrize("before", [unknown, dead, expired])
async def test_one_of_two_requests_is_executed(database: Database, overlapping: Overlaps, before: Before) -> None:
    def request(key: str) -> Transaction:
        def make(session: Session) -> str:
            made = f"{key} {next(NUMBERS)}"
            set_limit(session, made, 1)
            return made

        async def run() -> str:
            return (await run_idempotently(database, claim_of(key), make, receipt_of=receipt_of)).receipt.code

        return run

    keys: list[str] = []

    async def make() -> tuple[Transaction, Transaction]:
        keys.append(key := f"key-{next(NUMBERS)}")
        await before(database, key)
        return request(key), request(key)

    def made_for(session: Session, key: str) -> list[str]:
        return list(session.exec(select(PointsLimitRow.user_id).where(col(PointsLimitRow.user_id).like(f"{key} %"))))

    async for one, other in overlapping(make):
        assert await database.read(made_for, keys[-1]) == [one]
        assert one == other


@pytest.mark.parametrize("before", [unknown, dead, expired])
async def test_one_of_two_requests_that_take_long_has_the_key(
    database: Database, overlapping: Overlaps, before: Before
) -> None:
    async def make() -> tuple[Transaction, Transaction]:
        key = f"key-{next(NUMBERS)}"
        await before(database, key)
        return (
            partial(database.write, idempotency.claim, claim_of(key)),
            partial(database.write, idempotency.claim, claim_of(key)),
        )

    async for claims in overlapping(make):
        assert sum(claimed is None for claimed in claims) == 1
        assert sum(isinstance(refused, IdempotencyInFlight) for refused in claims) == 1


async def test_a_key_is_free_or_taken_while_its_request_fails(database: Database, overlapping: Overlaps) -> None:
    second = claim_of("")

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal second
        first = claim_of(f"key-{next(NUMBERS)}")
        second = claim_of(first.key)
        await database.write(idempotency.claim, first)
        return (
            partial(database.write, idempotency.claim, second),
            partial(database.write, idempotency.release, first),
        )

    async for claimed, _ in overlapping(make):
        assert claimed is None or isinstance(claimed, IdempotencyInFlight)
        holders = await database.read(_made_at, second.key)
        assert holders == ([second.made_at] if claimed is None else [])


def _made_at(session: Session, key: str) -> list[datetime]:
    return list(session.exec(select(IdempotencyRow.create_time).where(col(IdempotencyRow.key) == key)))


async def test_two_who_forget_old_keys_do_not_hold_each_other_up(database: Database, overlapping: Overlaps) -> None:
    """Each claims an expired key, and would delete the other's with all that are expired."""

    async def make() -> tuple[Transaction, Transaction]:
        keys = [f"key-{next(NUMBERS)}" for _ in "ab"]
        for key in keys:
            await expired(database, key)
        one, other = (partial(database.write, idempotency.claim, claim_of(key)) for key in keys)
        return one, other

    def claimed_now(session: Session) -> int:
        recent = col(IdempotencyRow.create_time) > now() - KEPT_FOR
        return session.exec(select(func.count()).select_from(IdempotencyRow).where(recent)).one()

    rounds = 0
    async for claims in overlapping(make):
        rounds += 1
        assert tuple(claims) == (None, None)
        assert await database.read(claimed_now) == 2 * rounds
