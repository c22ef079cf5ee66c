"""Seedance on Volcengine Ark: a first frame that is optional, DELETE with two meanings, an account in arrears."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.submissions import CancelOutcome, Rejected
from aijobs.domain.lifecycle import JobStatus
from sandbox.server import RunningSandbox
from tests.providers.parts import PARTS, PHOTO_URL
from tests.providers.scene import Scene, opened_scene

At = Callable[..., Awaitable[Any]]


@pytest.fixture
async def seedance(sandbox: RunningSandbox, catalogue: Catalogue) -> AsyncIterator[Scene]:
    model = catalogue.model(PARTS["volcengine"].model_id)
    async with opened_scene("volcengine", sandbox, model) as opened_one:
        yield opened_one


async def test_without_a_picture_there_is_no_first_frame(seedance: Scene) -> None:
    plain, framed = seedance.submission(), seedance.submission(image=PHOTO_URL)

    assert [part["type"] for part in plain.request.body["content"]] == ["text"]
    assert [part["type"] for part in framed.request.body["content"]] == ["text", "image_url"]
    assert framed.request.body["content"][1]["image_url"] == {"url": PHOTO_URL}


async def test_a_cancel_stops_what_waits_and_erases_nothing_that_has_ended(seedance: Scene) -> None:
    finished, last = await seedance.finished()

    assert await seedance.provider.cancel(finished) is CancelOutcome.TOO_LATE
    assert (await seedance.provider.query(finished)).status is JobStatus.GENERATED
    assert last.charge is not None
    assert (last.charge.amount, last.charge.unit) == (Decimal(20_000), "tokens")


async def test_an_account_in_arrears_has_to_pay_first(seedance: Scene, vendor_that: At, server: Any) -> None:
    error = {"error": {"code": "AccountOverdueError", "message": "Overdue.", "type": "Forbidden", "param": ""}}
    vendor = await vendor_that(server.answers(403, error))
    request = replace(seedance.submission().request, url=f"{vendor.url}/api/v3/contents/generations/tasks")

    outcome = await seedance.provider.submit(request)

    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.account_must_act) == ("provider_blocked", True)
