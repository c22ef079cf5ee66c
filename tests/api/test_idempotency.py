"""The same request again gets the first answer again."""

import asyncio
import hashlib

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.actors import Owner
from aijobs.persistence.access.idempotency import claim
from aijobs.persistence.access.keys import list_keys
from aijobs.usecases.idempotency import claim_for
from tests.api.installation import ApiUnderTest
from tests.api.pictures import picture


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
    (service,) = await list_keys(api.parts.database)
    owner = Owner(user_id="ada", key_id=service.key_id)
    upload = {"name": "photo.jpg", "sha256": hashlib.sha256(content).hexdigest()}
    first = claim_for(owner, "up-1", upload)
    assert first is not None
    async with api.parts.database.write() as session:
        await claim(session, first)

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


async def test_a_key_must_be_short_and_printable(standing: ApiUnderTest) -> None:
    for bad in ("k" * 256, "with space", ""):
        assert (await standing.submit("ada", headers={"Idempotency-Key": bad})).status_code == 422
