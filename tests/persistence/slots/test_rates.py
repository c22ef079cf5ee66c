"""How often something is sent: rates, and what a refusal with Retry-After stops."""

from datetime import timedelta

from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.slots.limits import CredentialLimits, LimitsSettings
from aijobs.domain.jobs.submissions import Rejected
from aijobs.domain.jobs.waiting import WaitFor
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.tables import VendorLineRow
from tests.persistence.slots.limited_vendor import LimitedVendor, limits_of


async def test_submits_in_a_minute_are_spread_over_it(database: Database, catalogue: Catalogue) -> None:
    vendor = LimitedVendor(database, catalogue, limits_of(CredentialLimits(per_minute=20)))  # a burst of 2
    codes = [await vendor.job() for _ in range(4)]
    assert [bool(await vendor.send(code)) for code in codes] == [True, True, False, False]
    assert await vendor.waits_for(codes[2]) == WaitFor.RATE_LIMIT
    assert await vendor.tick() == []

    def later(session: Session) -> None:
        line = session.get_one(VendorLineRow, "replicate")
        line.rates = {name: [left, at - 3.2] for name, (left, at) in line.rates.items()}
        session.add(line)

    await database.write(later)

    assert await vendor.tick() == [codes[2]]


async def test_a_refusal_stops_the_credential_and_then_one_job_tries(database: Database, catalogue: Catalogue) -> None:
    """Also where nothing else is limited."""
    vendor = LimitedVendor(database, catalogue, LimitsSettings())
    codes = [await vendor.job(user) for user in ("ada", "bob", "cyd", "dan")]
    refused = await vendor.send(codes[0])
    assert refused is not None
    refusal = Rejected("provider_throttled", "slow down", may_retry=True, retry_after=timedelta(seconds=30))
    await vendor.records.submissions.conclude(refused, refusal)

    for code in codes:
        assert await vendor.send(code) is None
        assert await vendor.waits_for(code) == WaitFor.RATE_LIMIT
    assert await vendor.tick() == []

    await vendor.change(
        VendorLineRow, blocked_until=now() - timedelta(seconds=1), blocked_at=now() - timedelta(hours=1)
    )
    probes = await vendor.tick()
    assert len(probes) == 1
    assert await vendor.tick() == [], "one alone"
    probe = await vendor.send(probes[0])
    assert probe is not None
    await vendor.records.submissions.conclude(probe, refusal)
    assert await vendor.tick() == [], "it is refused again"

    await vendor.change(
        VendorLineRow, blocked_until=now() - timedelta(seconds=1), blocked_at=now() - timedelta(hours=1)
    )
    (tried,) = await vendor.tick()
    await vendor.accepted(tried)
    assert sorted([tried, *await vendor.tick()]) == sorted({*codes} - ({probes[0]} - {tried}))


async def test_a_clock_that_was_set_back_does_not_prolong_a_refusal(database: Database, catalogue: Catalogue) -> None:
    vendor = LimitedVendor(database, catalogue, LimitsSettings())
    code = await vendor.job()
    sent = await vendor.send(code)
    assert sent is not None
    refusal = Rejected("provider_throttled", "slow down", may_retry=True, retry_after=timedelta(hours=9))
    await vendor.records.submissions.conclude(sent, refusal)
    assert await vendor.send(code) is None

    ahead = now() + timedelta(days=1)
    await vendor.change(VendorLineRow, blocked_at=ahead, blocked_until=ahead + timedelta(hours=1))

    assert await vendor.tick() == [code]
