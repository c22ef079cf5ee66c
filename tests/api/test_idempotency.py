"""A repeated request gets the first response."""

import asyncio
import hashlib
import itertools
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.actors import Owner
from aijobs.persistence.access.idempotency import claim
from aijobs.persistence.access.keys import list_keys
from aijobs.settings import SHIPPED_CATALOGUE
from aijobs.usecases.idempotency import claim_for
from api.dependencies import ApiDependencies
from tests.api.installation import PHOTO_URL, ApiUnderTest, opened_installation
from tests.api.pictures import picture
from workflows.client import TemporalJobEngine

NUMBERS = itertools.count()


async def jobs_of(api: ApiUnderTest, user: str) -> int:
    return len((await api.http.get("/api/jobs", headers={"Aijobs-User": user})).json()["data"])


async def test_a_repeated_request_gets_the_first_answer_and_makes_no_second_job(api: ApiUnderTest) -> None:
    first = await api.submit("ada", headers={"Idempotency-Key": "order-1"})
    await api.push(first.json()["code"], JobStatus.SUBMITTED)
    again = await api.submit("ada", headers={"Idempotency-Key": "order-1"})

    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Location"] == first.headers["Location"]
    assert await jobs_of(api, "ada") == 1


async def test_many_at_once_make_one_job(api: ApiUnderTest) -> None:
    answers = await asyncio.gather(*(api.submit("ada", headers={"Idempotency-Key": "k"}) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["code"] for answer in answers}) == 1
    assert await jobs_of(api, "ada") == 1


async def test_the_same_key_with_another_body_is_refused(api: ApiUnderTest) -> None:
    await api.submit("ada", headers={"Idempotency-Key": "order-1"})
    other = await api.submit("ada", headers={"Idempotency-Key": "order-1"}, metadata={"album": "other"})

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


async def test_a_refused_request_leaves_its_key_free(api: ApiUnderTest) -> None:
    refused = await api.submit("ada", headers={"Idempotency-Key": "order-1"}, output_count=9)
    taken = await api.submit("ada", headers={"Idempotency-Key": "order-1"})

    assert (refused.status_code, taken.status_code) == (422, 202)


async def test_a_key_belongs_to_its_user(api: ApiUnderTest) -> None:
    ada = await api.submit("ada", headers={"Idempotency-Key": "order-1"})
    bob = await api.submit("bob", headers={"Idempotency-Key": "order-1"})

    assert ada.json()["code"] != bob.json()["code"]


async def test_a_request_under_way_is_a_conflict(api: ApiUnderTest) -> None:
    content = picture()
    (service,) = await list_keys(api.dependencies.database)
    owner = Owner(user_id="ada", key_id=service.key_id)
    upload = {"name": "photo.jpg", "sha256": hashlib.sha256(content).hexdigest()}
    first = claim_for(owner, "up-1", upload)
    assert first is not None
    await api.dependencies.database.write(claim, first)

    answer = await api.upload(content, key="up-1")

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_flight")


async def test_a_repeated_upload_keeps_one_file(api: ApiUnderTest) -> None:
    content = picture()
    first, again = await api.upload(content, key="up-1"), await api.upload(content, key="up-1")
    other = await api.upload(picture(), key="up-1")

    assert (again.status_code, again.json()) == (201, first.json())
    assert other.status_code == 422


async def test_an_upload_that_was_refused_may_be_sent_again(api: ApiUnderTest) -> None:
    broken = picture()[:-200]

    assert (await api.upload(broken, key="up-1")).json()["code"] == "unreadable_file"
    assert (await api.upload(broken, key="up-1")).json()["code"] == "unreadable_file"


async def test_a_key_must_be_short_and_printable(shared_api: ApiUnderTest) -> None:
    for bad in ("k" * 256, "with space", ""):
        assert (await shared_api.submit("ada", headers={"Idempotency-Key": bad})).status_code == 422


IMAGE = {"image": PHOTO_URL}
SAME = [
    ({"params": {**IMAGE, "upscale_factor": 4}}, {"params": {**IMAGE, "upscale_factor": 4.0}}),
    ({"params": IMAGE}, {"params": {**IMAGE, "upscale_factor": 2, "output_format": "jpg"}}),
    ({"params": {**IMAGE, "face_enhancement_strength": 1}}, {"params": {**IMAGE, "face_enhancement_strength": 1.0}}),
    ({}, {"output_count": 1, "action": None, "metadata": {}, "type": None}),
    ({}, {"type": "image"}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
async def test_what_means_the_same_is_the_same_however_it_is_written(
    shared_api: ApiUnderTest, one: dict[str, Any], other: dict[str, Any]
) -> None:
    for first, second in ((one, other), (other, one)):
        key = {"Idempotency-Key": f"order-{next(NUMBERS)}"}
        made, again = await shared_api.submit(headers=key, **first), await shared_api.submit(headers=key, **second)

        assert (made.status_code, again.status_code) == (202, 202), again.text
        assert again.json() == made.json()


@pytest.mark.parametrize(
    "other",
    [
        {"params": {**IMAGE, "upscale_factor": 4}},
        {"params": {**IMAGE, "upscale_factor": 3}},
        {"params": IMAGE, "metadata": {"a": "b"}},
        {"type": "video"},
        {"params": IMAGE, "callback_url": "https://hooks.example/x"},
    ],
)
async def test_what_means_something_else_is_refused(shared_api: ApiUnderTest, other: dict[str, Any]) -> None:
    key = {"Idempotency-Key": f"order-{next(NUMBERS)}"}
    await shared_api.submit(headers=key)
    refused = await shared_api.submit(headers=key, **other)

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")


async def test_a_users_number_may_be_written_as_a_text(shared_api: ApiUnderTest) -> None:
    key = {"Idempotency-Key": f"order-{next(NUMBERS)}"}
    made = await shared_api.submit(headers=key, user_id=7)
    again = await shared_api.submit(headers=key, user_id="7")

    assert again.json() == made.json()


CHANGED = {
    "another default": "[models.replicate_imageupscale_v1]\nparameters.defaults = { upscale_factor = 6 }",
    "what was sent is not allowed any more": (
        "[models.replicate_imageupscale_v1]\nparameters.allowed = { upscale_factor = [6] }"
    ),
}


@pytest.mark.parametrize("change", CHANGED)
async def test_a_repetition_is_answered_when_the_catalogue_has_changed_meanwhile(
    dependencies: ApiDependencies, key: str, engine: TemporalJobEngine, change: str
) -> None:
    order = {"Idempotency-Key": "order-1"}
    changed = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), CHANGED[change])
    async with opened_installation(replace(dependencies, engine=engine), key) as before:
        made = await before.submit(headers=order)
    async with opened_installation(replace(dependencies, engine=engine, catalogue=changed), key) as after:
        again = await after.submit(headers=order)
        written_out = await after.submit(headers=order, params={**IMAGE, "upscale_factor": 2})

    assert again.json() == made.json()
    assert written_out.json() == made.json() or change != "another default"


async def test_an_answer_of_before_meanings_were_kept_is_given_again(api: ApiUnderTest) -> None:
    order = {"Idempotency-Key": "order-1"}
    made = await api.submit(headers=order)

    def work(session: Session) -> None:
        session.connection().execute(text("UPDATE idempotency_key SET meaning_sha256 = NULL"))

    await api.dependencies.database.write(work)

    again = await api.submit(headers=order)
    written_otherwise = await api.submit(headers=order, output_count=1, type="image")

    assert again.json() == made.json()
    assert written_otherwise.json()["code"] == "idempotency_mismatch"
