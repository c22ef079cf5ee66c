"""Webhooks of a caller's jobs arrive, whatever is killed."""

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
async def webhook_stack(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> AsyncIterator[StoryStack]:
    """A stack that may send to the receiver, with short pauses between attempts."""
    settings = {"AIJOBS_WEBHOOKS__ALLOW_HOSTS": receiver.host, "AIJOBS_WEBHOOKS__PAUSES": "200ms,200ms,200ms,200ms"}
    async with running_stack(tmp_path_factory.mktemp("calling"), settings=settings) as stack:
        yield stack


@pytest.fixture
def stack(webhook_stack: StoryStack, receiver: Receiver) -> StoryStack:
    webhook_stack.sandbox.behave()
    receiver.received.clear()
    return webhook_stack


async def register(stack: StoryStack, receiver: Receiver, user: str, *events: str) -> dict[str, Any]:
    endpoint = {"url": receiver.url, "user_id": user, **({"events": events} if events else {})}
    response = await stack.api.post("/api/webhook-endpoints", json=endpoint)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


async def wait_for_deliveries(stack: StoryStack, job: str) -> list[dict[str, Any]]:
    """Wait until no delivery of the job is pending; returns them all."""
    async with asyncio.timeout(60):
        while True:
            found = (await stack.api.get("/api/webhook-deliveries", params={"job": job})).json()["data"]
            if found and all(delivery["state"] != "pending" for delivery in found):
                return list(found)
            await asyncio.sleep(0.1)


def types_and_statuses(messages: list[ReceivedWebhook]) -> list[tuple[str, str]]:
    return [(message.body["type"], message.body["data"]["job_status_name"]) for message in messages]


async def test_the_end_of_a_job_comes_to_its_callback_url_once(stack: StoryStack, receiver: Receiver) -> None:
    secret = (await stack.api.get("/api/webhook-secret", headers={"Aijobs-User": "ada"})).json()["secret"]

    code = await stack.submit(user="ada", callback_url=receiver.url, metadata={"order": "1001"})
    await stack.until(code, JobStatus.SUCCESS)
    [delivery] = await wait_for_deliveries(stack, code)

    [message] = receiver.received
    events = await stack.events(code)
    body = message.verified(secret)
    assert types_and_statuses([message]) == [("job.success", "SUCCESS")]
    assert body["data"] == {**events[-1], "metadata": {"order": "1001"}}
    assert (delivery["state"], delivery["attempts"], delivery["message_id"]) == ("delivered", 1, message.id)


async def test_an_endpoint_hears_of_every_status_when_it_asks(stack: StoryStack, receiver: Receiver) -> None:
    await register(stack, receiver, "bell", "job.status")

    code = await stack.submit(user="bell")
    statuses = await stack.statuses(code, user="bell")
    await wait_for_deliveries(stack, code)

    in_order = sorted(receiver.received, key=lambda message: message.body["data"]["seq"])
    assert [name for _, name in types_and_statuses(in_order)] == statuses[1:]
    assert len({message.id for message in receiver.received}) == len(statuses) - 1


async def test_a_worker_killed_in_the_middle_of_a_delivery_still_delivers(
    stack: StoryStack, receiver: Receiver
) -> None:
    receiver.behaves(hangs)
    code = await stack.submit(user="ada", callback_url=receiver.url)
    await receiver.messages(1)

    await stack.kill("worker")
    await stack.start("worker")
    [delivery] = await wait_for_deliveries(stack, code)

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
    [failed] = await wait_for_deliveries(stack, code)

    await stack.api.post(f"/api/webhook-deliveries/{failed['id']}/replay")
    messages = await receiver.messages(6)

    assert (failed["state"], failed["attempts"], failed["response_status"]) == ("failed", 5, 500)
    assert {message.id for message in messages} == {failed["message_id"]}
