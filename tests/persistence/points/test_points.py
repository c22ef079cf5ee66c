"""The points ledger under parallel requests."""

import asyncio

import pytest

from aijobs.domain.errors import PointsExhausted
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.repositories import DatabaseRecords
from tests.persistence.conftest import AcceptJob
from tests.persistence.test_gate import day_of


async def test_parallel_requests_never_overspend(database: Database, accept_job: AcceptJob) -> None:
    tries = await asyncio.gather(*(accept_job("ada", daily_limit=7) for _ in range(10)), return_exceptions=True)

    refused = [one for one in tries if isinstance(one, PointsExhausted)]
    assert len(refused) == 7
    assert (await day_of(database, "ada")).used == 6


async def test_a_refused_job_leaves_no_trace(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    await accept_job("ada", daily_limit=3)

    with pytest.raises(PointsExhausted, match="1 of 3 are left"):
        await accept_job("ada", daily_limit=3)

    assert (await day_of(database, "ada")).used == 2


async def test_points_that_came_back_can_be_spent_again(records: DatabaseRecords, accept_job: AcceptJob) -> None:
    code = await accept_job("ada", daily_limit=2)
    await records.gate.advance(code, JobStatus.CANCELED)

    again = await accept_job("ada", daily_limit=2)

    assert again != code
