"""However transactions of several jobs overlap, no more are in flight than allowed, and nobody waits for nothing."""

from functools import partial
from typing import Final

import pytest
from sqlmodel import Session, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import SlotAwaited
from aijobs.domain.jobs.slots.limits import CredentialLimits, LimitsSettings
from aijobs.domain.jobs.submissions import ProviderRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.slots.grants import DatabaseSlotGrants
from aijobs.persistence.slots.outlook import SlotRules
from aijobs.persistence.tables import SlotRow
from tests.persistence.conftest import AcceptJob
from tests.persistence.database.overlaps.stepping import Overlaps, Transaction
from tests.persistence.database.overlaps.test_jobs import ERROR, refused

REQUEST: Final = ProviderRequest(method="POST", url="https://example.com", body={})

#: As many as one in flight, by a vendor's own limit; or by each user's, at two vendors.
LIMITS: Final = {
    "vendor": LimitsSettings(credentials={"p": CredentialLimits(in_flight=1)}),
    "user": LimitsSettings(user_in_flight=1),
}


class OneSlot:
    """Jobs that want the one slot there is."""

    def __init__(self, database: Database, limits: LimitsSettings, catalogue: Catalogue, accept: AcceptJob) -> None:
        self.records = DatabaseRecords(database, catalogue, limits)
        self.grants = DatabaseSlotGrants(database, SlotRules(limits, catalogue))
        self.database, self.accept = database, accept

    async def new(self) -> str:
        await self.database.write(_forget)
        return await self.accept(daily_limit=10**6)

    def send(self, code: str, provider: str = "p") -> Transaction:
        return partial(self.records.submissions.intend, code, provider=provider, token=code, request=REQUEST)

    async def states(self) -> list[str]:
        return sorted(await self.database.read(lambda session: list(session.exec(select(SlotRow.state)))))


def _forget(session: Session) -> None:
    for row in session.exec(select(SlotRow)):
        session.delete(row)


@pytest.mark.parametrize("by", LIMITS)
async def test_the_last_slot_is_taken_once(
    database: Database, catalogue: Catalogue, accept_job: AcceptJob, overlapping: Overlaps, by: str
) -> None:
    line = OneSlot(database, LIMITS[by], catalogue, accept_job)

    async def make() -> tuple[Transaction, Transaction]:
        first, second = await line.new(), await accept_job(daily_limit=10**6)
        return line.send(first), line.send(second, "p" if by == "vendor" else "q")

    async for results in overlapping(make):
        assert refused(*results) == [SlotAwaited]
        assert await line.states() == ["held", "waiting"]


async def test_a_slot_that_is_given_back_meanwhile_is_granted(
    database: Database, catalogue: Catalogue, accept_job: AcceptJob, overlapping: Overlaps
) -> None:
    line = OneSlot(database, LIMITS["vendor"], catalogue, accept_job)

    async def make() -> tuple[Transaction, Transaction]:
        holder, waiter = await line.new(), await accept_job(daily_limit=10**6)
        await line.send(holder)()
        return line.send(waiter), partial(line.records.gate.advance, holder, JobStatus.GENERATED)

    async for results in overlapping(make):
        assert refused(*results) in ([], [SlotAwaited])
        await line.grants.grant()
        assert await line.states() in (["held"], ["granted"])


async def test_who_is_canceled_while_a_slot_is_granted_keeps_none(
    database: Database, catalogue: Catalogue, accept_job: AcceptJob, overlapping: Overlaps
) -> None:
    line = OneSlot(database, LIMITS["vendor"], catalogue, accept_job)

    async def make() -> tuple[Transaction, Transaction]:
        holder, waiter = await line.new(), await accept_job(daily_limit=10**6)
        await line.send(holder)()
        with pytest.raises(SlotAwaited):
            await line.send(waiter)()
        await line.records.gate.advance(holder, JobStatus.GENERATED)
        return line.grants.grant, partial(line.records.gate.advance, waiter, JobStatus.CANCELED, error=ERROR)

    async for results in overlapping(make):
        assert refused(*results) == []
        assert await line.states() == []


async def test_one_grant_is_made_of_one_slot(
    database: Database, catalogue: Catalogue, accept_job: AcceptJob, overlapping: Overlaps
) -> None:
    line = OneSlot(database, LIMITS["vendor"], catalogue, accept_job)

    async def make() -> tuple[Transaction, Transaction]:
        holder, *waiters = [await line.new(), *[await accept_job(daily_limit=10**6) for _ in range(2)]]
        await line.send(holder)()
        for waiter in waiters:
            with pytest.raises(SlotAwaited):
                await line.send(waiter)()
        await line.records.gate.advance(holder, JobStatus.GENERATED)
        return line.grants.grant, line.grants.grant

    async for results in overlapping(make):
        assert refused(*results) == []
        assert await line.states() == ["granted", "waiting"]
