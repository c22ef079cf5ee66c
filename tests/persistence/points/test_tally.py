"""What has been charged and paid since a process began, from the ledger alone."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.money import Cost, CostSource
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.jobs.resolutions import Resolution, resolve
from aijobs.persistence.points import tally
from aijobs.persistence.points.tally import MoneyTally, Tally
from aijobs.persistence.repositories import DatabaseRecords
from tests.persistence.conftest import AcceptJob

BILL = Cost(amount=Decimal("0.1"), currency="USD", source=CostSource.BILL)
MODEL = "replicate_imageupscale_v1"
ALL_STATUSES = (JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)


async def succeed(records: DatabaseRecords, code: str) -> None:
    for status in ALL_STATUSES:
        await records.gate.advance(code, status, cost=BILL)


def figures(found: Tally) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    return dict(found.points), dict(found.cost_nanos)


@pytest.mark.parametrize("settled_after", [timedelta(0), tally.SETTLED_AFTER])
async def test_each_job_counts_once_however_often_it_is_asked(
    database: Database,
    records: DatabaseRecords,
    accept_job: AcceptJob,
    monkeypatch: pytest.MonkeyPatch,
    settled_after: timedelta,
) -> None:
    monkeypatch.setattr(tally, "SETTLED_AFTER", settled_after)
    before, first, second = await accept_job(), await accept_job(), await accept_job()
    await succeed(records, before)
    counted = MoneyTally(database)
    assert figures(await counted()) == ({}, {})

    await succeed(records, first)
    assert figures(await counted()) == ({MODEL: 2}, {(MODEL, "USD"): 100_000_000})
    await succeed(records, second)
    for _ in range(3):
        assert figures(await counted()) == ({MODEL: 4}, {(MODEL, "USD"): 200_000_000})


async def test_a_refund_is_no_charge_and_what_it_cost_is_told(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    counted, code = MoneyTally(database), await accept_job()
    await counted()

    await records.gate.keep_response(code, {}, cost=BILL)
    await records.gate.advance(code, JobStatus.FAILED)

    assert figures(await counted()) == ({MODEL: 0}, {(MODEL, "USD"): 100_000_000})


async def test_held_points_count_when_somebody_decides(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    counted, code = MoneyTally(database), await accept_job()
    await counted()
    await records.gate.keep_response(code, {}, cost=BILL)
    await records.gate.advance(code, JobStatus.TIMEOUT, provider_may_charge=True)
    assert figures(await counted()) == ({}, {})

    def decide(session: Session) -> None:
        resolve(session, locked_job(session, code), Resolution.CHARGE, by="me", why="It was made.")

    await database.write(decide)

    assert figures(await counted()) == ({MODEL: 2}, {(MODEL, "USD"): 100_000_000})
