"""Jobs of one vendor, spread over several of its accounts: whatever is asked of a job is asked of its own account."""

import asyncio
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select
from temporalio.client import Client

from aijobs.domain.jobs.submissions import (
    CancelOutcome,
    Found,
    ProviderRequest,
    Ref,
    Rejected,
    Search,
    Submission,
    SubmitOutcome,
)
from aijobs.domain.lifecycle import JobStatus as S
from aijobs.domain.ports.credentials import OpenProviders
from aijobs.domain.provider_io import Snapshot
from aijobs.persistence.tables import SubmissionRow
from tests.workflows.conftest import Workbench, running_workbench
from tests.workflows.local import StepProvider


class Account(StepProvider):
    """Knows its own jobs alone."""

    def __init__(self, *script: S, arrives: bool = True) -> None:
        super().__init__(script or (S.PROCESSING, S.GENERATED), arrives=arrives)
        self.jobs: set[str] = set()
        self.canceled: list[str] = []

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        self.jobs.add(request.body["token"])
        return await super().submit(request)

    async def query(self, ref: Ref) -> Snapshot:
        assert ref["id"] in self.jobs
        return await super().query(ref)

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[Any]:
        assert ref["id"] in self.jobs
        return await super().outputs(ref, snapshot)

    async def cancel(self, ref: Ref) -> CancelOutcome:
        self.canceled.append(ref["id"])
        return await super().cancel(ref)

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        return Found({"id": submission.token}) if submission.token in self.jobs else Search.ABSENT


async def sent_with(bench: Workbench) -> dict[str, str | None]:
    def work(session: Session) -> dict[str, str | None]:
        rows = session.exec(select(SubmissionRow).order_by(col(SubmissionRow.id)))
        return {row.token: row.credential for row in rows}

    return await bench.database.read(work)


async def test_each_job_stays_with_the_account_that_took_it(temporal_client: Client, tmp_path: Path) -> None:
    first, spare = Account(), Account()
    providers = OpenProviders({"local": first, "local:spare": spare})
    async with running_workbench(temporal_client, tmp_path, providers=providers) as bench:
        jobs = [await bench.start() for _ in range(4)]
        states = await asyncio.gather(*(job.result() for job in jobs))
        sent = await sent_with(bench)

    assert {state.job_status for state in states} == {S.SUCCESS}
    assert (len(first.jobs), len(spare.jobs)) == (2, 2)
    assert sent == {**dict.fromkeys(first.jobs), **dict.fromkeys(spare.jobs, "local:spare")}


async def test_a_lost_answer_is_looked_for_at_the_account_that_it_was_sent_to(
    temporal_client: Client, tmp_path: Path
) -> None:
    first, spare = Account(arrives=False), Account(arrives=False)
    providers = OpenProviders({"local": first, "local:spare": spare})
    async with running_workbench(temporal_client, tmp_path, providers=providers) as bench:
        jobs = [await bench.start() for _ in range(2)]
        states = await asyncio.gather(*(job.result() for job in jobs))

    assert [state.job_status for state in states] == [S.SUCCESS, S.SUCCESS]
    assert (len(first.jobs), len(spare.jobs)) == (1, 1)


async def test_a_cancel_reaches_the_account_that_works(temporal_client: Client, tmp_path: Path) -> None:
    first, spare = Account(S.PROCESSING), Account(S.PROCESSING)
    providers = OpenProviders({"local": first, "local:spare": spare})
    async with running_workbench(temporal_client, tmp_path, providers=providers) as bench:
        jobs = [await bench.start() for _ in range(2)]
        while len(first.jobs | spare.jobs) < 2:
            await asyncio.sleep(0.05)
        for job in jobs:
            await job.cancel()
        await asyncio.gather(*(job.result() for job in jobs), return_exceptions=True)

    assert (set(first.canceled), set(spare.canceled)) == (first.jobs, spare.jobs)


class Unpaid(Account):
    """Takes nothing before somebody pays."""

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        self.requests += 1
        return Rejected("provider_blocked", "no credit", account_must_act=True)


async def test_what_one_account_refuses_another_one_takes(temporal_client: Client, tmp_path: Path) -> None:
    first, spare = Unpaid(), Account()
    providers = OpenProviders({"local": first, "local:spare": spare})
    async with running_workbench(temporal_client, tmp_path, providers=providers) as bench:
        jobs = [await bench.start() for _ in range(6)]
        states = await asyncio.gather(*(job.result() for job in jobs))
        sent = await sent_with(bench)
        histories = [await bench.history(job.id) for job in jobs]

    assert {state.job_status for state in states} == {S.SUCCESS}
    assert len(spare.jobs) == 6
    assert first.requests == len(sent) - 6 >= 1
    assert all(history[1].detail["credential"] == "local:spare" for history in histories)
