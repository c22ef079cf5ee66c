"""A caller hears of its jobs by webhook, whatever is killed on the way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aijobs.domain.lifecycle import JobStatus
from tests.adapters.webhooks.receiver import ReceivedWebhook, Receiver, answers, hangs
from tests.stories.stack import StoryStack, running_stack

BROKEN = answers("500 Internal Server Error")


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().running() as receiver:
        yield receiver


@pytest.fixture(scope="module")
async def calling(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> AsyncIterator[StoryStack]:
    """A stack that may call the receiver, and tries again soon."""
    settings = {"AIJOBS_WEBHOOKS__ALLOW_HOSTS": receiver.host, "AIJOBS_WEBHOOKS__PAUSES": "200ms,200ms,200ms,200ms"}
    async with running_stack(tmp_path_factory.mktemp("calling"), settings=settings) as stack:
        yield stack


@pytest.fixture
def stack(calling: StoryStack, receiver: Receiver) -> StoryStack:
    calling.sandbox.behave()
    receiver.received.clear()
    return calling


async def register(stack: StoryStack, receiver: Receiver, user: str, *events: str) -> dict[str, Any]:
    wanted = {"url": receiver.url, "user_id": user, **({"events": events} if events else {})}
    answer = await stack.api.post("/api/webhook-endpoints", json=wanted)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def settled(stack: StoryStack, job: str) -> list[dict[str, Any]]:
    """All deliveries of a job, once none is on its way."""
    async with asyncio.timeout(60):
        while True:
            found = (await stack.api.get("/api/webhook-deliveries", params={"job": job})).json()["data"]
            if found and all(delivery["state"] != "pending" for delivery in found):
                return list(found)
            await asyncio.sleep(0.1)


def told(messages: list[ReceivedWebhook]) -> list[tuple[str, str]]:
    return [(message.body["type"], message.body["data"]["job_status_name"]) for message in messages]


async def test_the_end_of_a_job_comes_to_its_callback_url_once(stack: StoryStack, receiver: Receiver) -> None:
    secret = (await stack.api.get("/api/webhook-secret", headers={"Aijobs-User": "ada"})).json()["secret"]

    code = await stack.submit(user="ada", callback_url=receiver.url, metadata={"order": "1001"})
    await stack.until(code, JobStatus.SUCCESS)
    [delivery] = await settled(stack, code)

    [message] = receiver.received
    events = await stack.events(code)
    said = message.verified(secret)
    assert told([message]) == [("job.success", "SUCCESS")]
    assert said["data"] == {**events[-1], "metadata": {"order": "1001"}}
    assert (delivery["state"], delivery["attempts"], delivery["message_id"]) == ("delivered", 1, message.id)


async def test_an_endpoint_hears_of_every_status_when_it_asks(stack: StoryStack, receiver: Receiver) -> None:
    await register(stack, receiver, "bell", "job.status")

    code = await stack.submit(user="bell")
    statuses = await stack.statuses(code, user="bell")
    await settled(stack, code)

    in_order = sorted(receiver.received, key=lambda message: message.body["data"]["seq"])
    assert [name for _, name in told(in_order)] == statuses[1:]
    assert len({message.id for message in receiver.received}) == len(statuses) - 1


async def test_a_worker_killed_in_the_middle_of_a_delivery_still_delivers(
    stack: StoryStack, receiver: Receiver
) -> None:
    receiver.behaves(hangs)
    code = await stack.submit(user="ada", callback_url=receiver.url)
    await receiver.messages(1)

    await stack.kill("worker")
    await stack.start("worker")
    [delivery] = await settled(stack, code)

    first, second = receiver.received
    assert (first.id, first.text) == (second.id, second.text)
    assert (delivery["state"], delivery["response_status"]) == ("delivered", 204)


async def test_what_was_written_while_no_worker_ran_is_sent_later(stack: StoryStack, receiver: Receiver) -> None:
    endpoint = await register(stack, receiver, "carl")
    await stack.kill("worker")
    sent = (await stack.api.post(f"/api/webhook-endpoints/{endpoint['id']}/test")).json()

    await stack.start("worker")
    [message] = await receiver.messages(1)

    assert message.id == sent["message_id"]
    assert message.verified(endpoint["secret"])["type"] == "endpoint.test"


async def test_a_message_signed_after_a_rotation_fits_both_secrets(stack: StoryStack, receiver: Receiver) -> None:
    old = await register(stack, receiver, "dora")
    new = (await stack.api.post(f"/api/webhook-endpoints/{old['id']}/rotate-secret")).json()

    await stack.api.post(f"/api/webhook-endpoints/{old['id']}/test")
    [message] = await receiver.messages(1)

    assert message.verified(old["secret"]) == message.verified(new["secret"])


async def test_what_was_given_up_comes_with_a_replay(stack: StoryStack, receiver: Receiver) -> None:
    receiver.behaves(*[BROKEN] * 5)
    code = await stack.submit(user="ada", callback_url=receiver.url)
    [failed] = await settled(stack, code)

    await stack.api.post(f"/api/webhook-deliveries/{failed['id']}/replay")
    messages = await receiver.messages(6)

    assert (failed["state"], failed["attempts"], failed["response_status"]) == ("failed", 5, 500)
    assert {message.id for message in messages} == {failed["message_id"]}
