"""Slots at vendors: no more are in flight than allowed, and whoever is next gets what is free."""

from datetime import timedelta
from typing import Final

import pytest
from sqlmodel import Session, col, update

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.slots.limits import CredentialLimits, LimitsSettings, ModelLimits
from aijobs.domain.jobs.submissions import Rejected, Unknown
from aijobs.domain.jobs.waiting import WaitFor
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.resolutions import Resolution, resolve
from aijobs.persistence.slots.outlook import set_share
from aijobs.persistence.tables import SlotRow
from aijobs.persistence.tables.slots import SlotState
from aijobs.settings import SHIPPED_CATALOGUE
from tests.persistence.slots.limited_vendor import UPSCALE, LimitedVendor, limits_of

S = JobStatus
ERROR: Final = JobError(code="test", message="As the test wants it.", stage=Stage.BUSINESS)


@pytest.fixture
def vendor(database: Database, catalogue: Catalogue) -> LimitedVendor:
    """With two slots."""
    return LimitedVendor(database, catalogue, limits_of(CredentialLimits(in_flight=2)))


async def test_no_more_are_in_flight_than_allowed_and_the_next_gets_what_is_free(vendor: LimitedVendor) -> None:
    first, second, third, fourth = [await vendor.job() for _ in range(4)]
    await vendor.accepted(first)
    await vendor.accepted(second)

    assert await vendor.send(third) is None
    assert await vendor.send(fourth) is None
    assert await vendor.tick() == []
    assert await vendor.waits_for(third) == WaitFor.PROVIDER_SLOT
    assert (await vendor.row(third)).job_status is S.DRAFT

    await vendor.records.gate.advance(first, S.GENERATED)

    assert await vendor.tick() == [third]
    assert await vendor.send(fourth) is None, "the slot is granted to another"
    await vendor.accepted(third)
    assert (await vendor.states()) == {second: "held", third: "held", fourth: "waiting"}
    assert await vendor.waits_for(third) is None


async def test_a_job_that_nothing_limits_has_no_slot_and_no_statement_for_one(
    database: Database, catalogue: Catalogue
) -> None:
    vendor = LimitedVendor(database, catalogue, LimitsSettings())
    code = await vendor.job()

    await vendor.accepted(code)

    assert await vendor.states() == {}
    assert (await vendor.row(code)).has_slot is False


ENDS: Final = {
    "a refusal for good": Rejected("provider_rejected", "no"),
    "a refusal for now": Rejected("provider_unreachable", "no", may_retry=True),
}


@pytest.mark.parametrize("how", ENDS)
async def test_what_the_vendor_surely_does_not_have_holds_no_slot(vendor: LimitedVendor, how: str) -> None:
    code = await vendor.job()
    sent = await vendor.send(code)
    assert sent is not None

    await vendor.records.submissions.conclude(sent, ENDS[how])

    assert await vendor.states() == {}


async def test_an_end_in_doubt_keeps_the_slot_until_the_doubt_is_over(vendor: LimitedVendor) -> None:
    late, resolved, forgotten, certain = [await vendor.job() for _ in range(4)]
    for code in (late, resolved):
        sent = await vendor.send(code)
        assert sent is not None
        await vendor.records.submissions.conclude(sent, Unknown("no answer"))
        await vendor.records.gate.advance(code, S.TIMEOUT, error=ERROR, provider_may_charge=True)
    assert await vendor.send(forgotten) is None, "their vendor may be at work"

    await vendor.records.late_outcomes.record(late, S.GENERATED, {})
    assert await vendor.tick() == [forgotten]

    def work(session: Session) -> None:
        resolve(session, gate.locked_job(session, resolved), Resolution.REFUND, by="test", why="It is known now.")

    await vendor.database.write(work)
    assert await vendor.states() == {forgotten: "granted"}

    await vendor.accepted(forgotten)
    await vendor.records.gate.advance(forgotten, S.CANCELED, error=ERROR, provider_may_charge=True)
    await vendor.change(SlotRow, lease_until=now() - timedelta(seconds=1))  # the time of its late watch
    await vendor.tick()
    assert await vendor.states() == {}

    await vendor.accepted(certain)
    await vendor.records.gate.advance(certain, S.CANCELED, error=ERROR)
    assert await vendor.states() == {}


async def test_who_is_canceled_leaves_the_line(vendor: LimitedVendor) -> None:
    codes = [await vendor.job() for _ in range(4)]
    for code in codes:
        await vendor.send(code)
    await vendor.records.gate.advance(codes[2], S.CANCELED, error=ERROR)
    await vendor.records.gate.advance(codes[0], S.GENERATED)

    assert await vendor.tick() == [codes[3]]


async def test_a_grant_that_is_not_used_goes_to_another(vendor: LimitedVendor) -> None:
    codes = [await vendor.job() for _ in range(4)]
    for code in codes:
        await vendor.send(code)
    await vendor.records.gate.advance(codes[0], S.GENERATED)
    assert await vendor.tick() == [codes[2]]
    assert await vendor.tick() == [], "it was told just now"
    await vendor.change(SlotRow, nudged_at=now() - timedelta(seconds=6))
    assert await vendor.tick() == [codes[2]], "it may not have heard"

    def lapse(session: Session) -> None:
        granted = col(SlotRow.state) == SlotState.GRANTED
        session.exec(update(SlotRow).where(granted).values(lease_until=now() - timedelta(seconds=1)))

    await vendor.database.write(lapse)

    assert await vendor.tick() == [codes[3]]
    assert await vendor.send(codes[2]) is None
    assert (await vendor.states())[codes[2]] == "waiting"


async def test_a_limit_lowered_below_what_is_in_flight_drains(vendor: LimitedVendor) -> None:
    codes = [await vendor.job() for _ in range(3)]
    for code in codes:
        await vendor.send(code)
    lower = LimitedVendor(vendor.database, vendor.catalogue, limits_of(CredentialLimits(in_flight=1)))

    await lower.records.gate.advance(codes[0], S.GENERATED)
    assert await lower.tick() == []
    await lower.records.gate.advance(codes[1], S.GENERATED)
    assert await lower.tick() == [codes[2]]


async def test_a_user_has_no_more_than_their_own_and_blocks_nobody(database: Database, catalogue: Catalogue) -> None:
    vendor = LimitedVendor(database, catalogue, limits_of(user_in_flight=1))
    await database.write(set_share, "bob", weight=1.0, in_flight=2)
    ada = [await vendor.job() for _ in range(2)]
    bob = [await vendor.job("bob") for _ in range(3)]

    sent = [code for code in [*ada, *bob] if await vendor.send(code)]

    assert sent == [ada[0], bob[0], bob[1]]
    assert await vendor.waits_for(ada[1]) == WaitFor.USER_SLOT


async def test_a_users_own_limit_holds_where_nothing_else_does(database: Database, catalogue: Catalogue) -> None:
    vendor = LimitedVendor(database, catalogue, LimitsSettings())
    await database.write(set_share, "bob", weight=1.0, in_flight=1)
    first, second = [await vendor.job("bob") for _ in range(2)]

    assert await vendor.send(first)
    assert await vendor.send(second) is None


async def test_a_full_model_blocks_no_other(database: Database) -> None:
    overlay = "[models.replicate_imageupscale_v1.limits]\nin_flight = 1\nuser_in_flight = 1"
    text = SHIPPED_CATALOGUE.read_text("utf-8")
    other = text.partition("\n\n[models.ttapi")[0].replace(UPSCALE, "replicate_other_v1")
    catalogue = Catalogue.parse(text, other, overlay)
    assert catalogue.model(UPSCALE).limits == ModelLimits(in_flight=1, user_in_flight=1)
    vendor = LimitedVendor(database, catalogue, limits_of(CredentialLimits(in_flight=5)))
    same = [await vendor.job(user) for user in ("ada", "bob")]

    assert await vendor.send(same[0])
    assert await vendor.send(same[1]) is None
    assert await vendor.send(await vendor.job("bob", model_id="replicate_other_v1")), "of another model"
    await vendor.records.gate.advance(same[0], S.GENERATED)
    assert await vendor.tick() == [same[1]]


async def test_shares_decide_between_users(vendor: LimitedVendor) -> None:
    await vendor.database.write(set_share, "bob", weight=3.0, in_flight=None)
    running = [await vendor.job("cyd") for _ in range(2)]
    for code in running:
        await vendor.send(code)
    waiting = [await vendor.job(user) for user in ("ada", "bob") for _ in range(8)]
    for code in waiting:
        await vendor.send(code)

    started = list[str]()
    while len(started) < 8:
        await vendor.records.gate.advance(running.pop(0), S.GENERATED)
        (granted,) = await vendor.tick()
        await vendor.accepted(granted)
        running.append(granted)
        started.append((await vendor.row(granted)).user_id)

    assert (started.count("bob"), started.count("ada")) == (6, 2)
