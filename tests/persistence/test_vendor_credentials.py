"""The health of credentials, as several processes share it."""

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import Session, update

from aijobs.domain.errors import ProviderBlocked, ProviderUnavailable
from aijobs.domain.jobs.circuits import FAILURES, CircuitState, Trial
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest, Rejected, SubmitOutcome, Unknown
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import VendorCredentialRow
from aijobs.persistence.vendor_credentials import DatabaseCredentialHealth, circuits, reset
from tests.persistence.conftest import AcceptJob

LOST = Unknown("answered 503")
UNPAID = Rejected("provider_blocked", "no credit", account_must_act=True)
SLOWER = Rejected("provider_throttled", "slow down", may_retry=True, retry_after=timedelta(seconds=30))
WORKS = Accepted({"id": "1"})
REQUEST = ProviderRequest("POST", "https://example.com/v1", {}, {})


class ManyProcesses:
    """Any number of processes, on one database."""

    def __init__(self, database: Database, records: DatabaseRecords, accept_job: AcceptJob) -> None:
        self.database = database
        self._records = records
        self._accept_job = accept_job

    def process(self) -> DatabaseCredentialHealth:
        return DatabaseCredentialHealth(self.database)

    async def sent(self, trial: Trial, outcome: SubmitOutcome) -> None:
        code = await self._accept_job()
        submission = await self._records.submissions.intend(code, provider="local", token=code, request=REQUEST)
        await self._records.submissions.conclude(submission, outcome, trial=trial)

    async def after_the_pause(self) -> None:
        def work(session: Session) -> None:
            session.exec(update(VendorCredentialRow).values(until=now() - timedelta(seconds=1)))

        await self.database.write(work)

    async def state(self, credential: str) -> CircuitState | None:
        found = (await self.database.read(circuits)).get(credential)
        return found.state if found else None


@pytest.fixture
def processes(database: Database, records: DatabaseRecords, accept_job: AcceptJob) -> ManyProcesses:
    return ManyProcesses(database, records, accept_job)


async def test_credentials_take_turns_and_leave_no_row_while_they_work(processes: ManyProcesses) -> None:
    process = processes.process()

    trials = [await process.choose(["local", "local:b"]) for _ in range(4)]
    await processes.sent(trials[0], WORKS)

    assert sorted(trial.credential for trial in trials) == ["local", "local", "local:b", "local:b"]
    assert all(trial.is_clean for trial in trials)
    assert {(await process.choose(["local", "local:b"], in_line_of="local")).credential for _ in "ab"} == {"local"}
    assert await processes.database.read(circuits) == {}


async def test_one_that_fails_is_left_out_by_all_processes(processes: ManyProcesses) -> None:
    for _ in range(FAILURES):
        await processes.sent(Trial(credential="local"), LOST)

    other = processes.process()
    assert {(await other.choose(["local", "local:b"])).credential for _ in range(4)} == {"local:b"}
    with pytest.raises(ProviderUnavailable, match="answered 503") as refused:
        await other.choose(["local"])
    assert refused.value.retry_after is not None


async def test_one_job_of_all_is_the_probe(processes: ManyProcesses) -> None:
    await processes.sent(Trial(credential="local"), UNPAID)
    with pytest.raises(ProviderBlocked, match="no credit"):
        await processes.process().choose(["local"])
    await processes.after_the_pause()

    tries = await asyncio.gather(*(processes.process().choose(["local"]) for _ in range(6)), return_exceptions=True)

    probes = [one for one in tries if isinstance(one, Trial)]
    assert [probe.is_probe for probe in probes] == [True]
    assert await processes.state("local") is CircuitState.HALF_OPEN
    await processes.sent(probes[0], WORKS)
    assert await processes.state("local") is CircuitState.CLOSED
    assert not (await processes.process().choose(["local"])).is_probe


async def test_a_probe_that_was_not_sent_is_given_back(processes: ManyProcesses) -> None:
    await processes.sent(Trial(credential="local"), UNPAID)
    await processes.after_the_pause()
    process = processes.process()

    await process.give_back(await process.choose(["local"]))

    assert (await processes.process().choose(["local"])).is_probe


async def test_one_whose_vendor_asks_to_wait_is_taken_where_there_is_no_other(processes: ManyProcesses) -> None:
    await processes.sent(Trial(credential="local"), SLOWER)

    other = processes.process()

    assert {(await other.choose(["local", "local:b"])).credential for _ in range(4)} == {"local:b"}
    assert (await other.choose(["local", "local:b"], in_line_of="local")).credential == "local:b"
    assert (await other.choose(["local"])).credential == "local"
    assert [await other.has_usable(some) for some in (["local", "local:b"], ["local"])] == [True, False]


async def test_an_operator_can_say_that_it_works_again(processes: ManyProcesses) -> None:
    await processes.sent(Trial(credential="local"), UNPAID)

    await processes.database.write(reset, "local")

    assert (await processes.process().choose(["local"])).credential == "local"
