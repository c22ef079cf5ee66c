"""The place in line that a job is shown is the one that it has."""

import pytest
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.slots.limits import CredentialLimits
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.waiting import waiting_of
from aijobs.persistence.slots.outlook import SlotRules, set_share
from aijobs.persistence.slots.places import PlaceInLine, places_of
from aijobs.persistence.tables import JobRow
from tests.persistence.slots.limited_vendor import LimitedVendor, limits_of


async def places(vendor: LimitedVendor) -> dict[str, PlaceInLine]:
    rules = SlotRules(vendor.limits, vendor.catalogue)

    def work(session: Session) -> dict[str, PlaceInLine]:
        return dict(places_of(session, list(session.exec(select(JobRow).order_by(col(JobRow.id)))), rules))

    return await vendor.database.read(work)


async def test_jobs_start_in_the_order_of_their_places(database: Database, catalogue: Catalogue) -> None:
    vendor = LimitedVendor(database, catalogue, limits_of(CredentialLimits(in_flight=1)))
    await database.write(set_share, "bob", weight=2.0, in_flight=None)
    running = await vendor.job("cyd")
    await vendor.send(running)
    for user in ("ada", "ada", "ada", "bob", "bob", "dan"):
        await vendor.send(await vendor.job(user))
    shown = await places(vendor)
    assert sorted(place.ahead for place in shown.values()) == [0, 1, 2, 3, 4, 5]

    started = list[str]()
    while len(started) < len(shown):
        await vendor.records.gate.advance(running, JobStatus.GENERATED)
        (running,) = await vendor.tick()
        started.append(running)
        await vendor.accepted(running)

    assert started == sorted(shown, key=lambda code: shown[code].position)


async def test_a_place_is_part_of_what_a_job_waits_for(database: Database, catalogue: Catalogue) -> None:
    vendor = LimitedVendor(database, catalogue, limits_of(CredentialLimits(in_flight=1)))
    codes = [await vendor.job() for _ in range(4)]
    for code in codes:
        await vendor.send(code)
    await vendor.records.gate.advance(codes[0], JobStatus.GENERATED)
    assert await vendor.tick() == [codes[1]]
    await vendor.accepted(codes[1])
    await vendor.records.gate.advance(codes[1], JobStatus.GENERATED)
    assert await vendor.tick() == [codes[2]]

    place = (await places(vendor))[codes[3]]
    row = await vendor.row(codes[3])
    waiting = waiting_of(row, catalogue.model(row.model_id), at=now(), place=place)

    assert waiting is not None
    assert (waiting.position, waiting.ahead) == (1, 0)
    assert waiting.estimated_start is not None
    assert waiting.estimated_start == place.estimated_start


@pytest.mark.parametrize("priority", [1, 5])
async def test_a_users_own_jobs_go_by_priority(database: Database, catalogue: Catalogue, priority: int) -> None:
    vendor = LimitedVendor(database, catalogue, limits_of(CredentialLimits(in_flight=1)))
    await vendor.send(await vendor.job())
    usual, other = await vendor.job(), await vendor.job(priority=priority)
    for code in (usual, other):
        await vendor.send(code)

    order = sorted(await places(vendor), key=lambda code: [usual, other].index(code))
    ahead = [(await places(vendor))[code].ahead for code in order]

    assert ahead == ([1, 0] if priority == 1 else [0, 1])
