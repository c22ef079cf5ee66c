"""Webhooks are signed, ordered and retried; their faults."""

import asyncio
import json
import time
from typing import Any

import pytest
from replicate.webhook import InvalidSignatureError, InvalidTimestampError, Webhooks, WebhookSigningSecret

from sandbox.server import RunningSandbox
from tests.sandbox.caller import SandboxCaller, Webhook
from tests.sandbox.customer import RawReplicateClient

ALL_EVENTS = ["start", "output", "logs", "completed"]


def validate(webhook: Webhook, sandbox: RunningSandbox) -> None:
    secret = WebhookSigningSecret(key=sandbox.webhook_secret)
    Webhooks.validate(headers=webhook.headers, body=webhook.body, secret=secret, tolerance=300)


def webhook_options(caller: SandboxCaller, *events: str) -> dict[str, Any]:
    return {"webhook": caller.hook, "webhook_events_filter": list(events)}


async def test_a_webhook_carries_the_body_of_a_get_and_a_valid_signature(
    customer: RawReplicateClient, caller: SandboxCaller, sandbox: RunningSandbox
) -> None:
    prediction = await customer.create(body=webhook_options(caller, "completed"))

    [webhook] = await caller.received(1)

    validate(webhook, sandbox)
    assert webhook.prediction == await customer.get(prediction["id"])
    assert webhook.status == "succeeded"


async def test_the_secret_is_the_same_as_the_api_tells(client: Any, sandbox: RunningSandbox) -> None:
    assert (await client.webhooks.default.async_secret()).key == sandbox.webhook_secret


async def test_all_events_come_in_order(customer: RawReplicateClient, caller: SandboxCaller) -> None:
    await customer.create(body=webhook_options(caller, *ALL_EVENTS))

    webhooks = await caller.received(4)

    assert [webhook.status for webhook in webhooks] == ["processing", "processing", "processing", "succeeded"]
    assert [bool(webhook.prediction["output"]) for webhook in webhooks] == [False, False, True, True]
    assert len({webhook.id for webhook in webhooks}) == 4


async def test_logs_come_at_most_every_half_second(customer: RawReplicateClient, caller: SandboxCaller) -> None:
    await customer.finished(fault="work_seconds=1.2", body=webhook_options(caller, "logs"))
    await asyncio.sleep(0.1)

    gaps = [later.arrived - sooner.arrived for sooner, later in zip(caller.webhooks, caller.webhooks[1:], strict=False)]
    assert 2 <= len(caller.webhooks) <= 3
    assert all(gap > 0.45 for gap in gaps)


async def test_without_a_filter_output_and_completion_are_reported(
    customer: RawReplicateClient, caller: SandboxCaller
) -> None:
    await customer.create(body={"webhook": caller.hook})

    assert [webhook.status for webhook in await caller.received(2)] == ["processing", "succeeded"]


async def test_the_last_webhook_is_sent_again_until_it_arrives(
    customer: RawReplicateClient, caller: SandboxCaller
) -> None:
    caller.answers += [500, 429]

    await customer.create(body=webhook_options(caller, "completed"))
    webhooks = await caller.received(3)

    assert len({webhook.id for webhook in webhooks}) == 1
    assert webhooks[2].arrived - webhooks[1].arrived > 0.15


async def test_other_webhooks_are_sent_once(customer: RawReplicateClient, caller: SandboxCaller) -> None:
    caller.answers += [500]

    await customer.create(body=webhook_options(caller, "start", "completed"))

    assert [webhook.status for webhook in await caller.received(2)] == ["processing", "succeeded"]


async def test_a_redirect_is_not_followed(customer: RawReplicateClient, caller: SandboxCaller) -> None:
    caller.answers += [307]

    await customer.finished(body=webhook_options(caller, "completed"))
    await asyncio.sleep(0.3)

    assert len(caller.webhooks) == 1


async def test_duplicates(customer: RawReplicateClient, caller: SandboxCaller, sandbox: RunningSandbox) -> None:
    await customer.create(fault="webhook_duplicate", body=webhook_options(caller, "start", "completed"))

    webhooks = await caller.received(4)

    assert [webhook.status for webhook in webhooks] == ["processing", "processing", "succeeded", "succeeded"]
    assert len({webhook.id for webhook in webhooks}) == 2


async def test_the_last_one_first(customer: RawReplicateClient, caller: SandboxCaller) -> None:
    await customer.create(fault="webhook_out_of_order", body=webhook_options(caller, "start", "completed"))

    assert [webhook.status for webhook in await caller.received(2)] == ["succeeded", "processing"]


async def test_before_the_answer_to_the_create(customer: RawReplicateClient, caller: SandboxCaller) -> None:
    prediction = await customer.create(fault="webhook_early", body=webhook_options(caller, "completed"))
    answered = time.monotonic()

    [webhook] = caller.webhooks
    assert webhook.arrived < answered
    assert webhook.prediction["id"] == prediction["id"]


async def test_a_wrong_signature(customer: RawReplicateClient, caller: SandboxCaller, sandbox: RunningSandbox) -> None:
    await customer.create(fault="webhook_forged", body=webhook_options(caller, "completed"))

    [webhook] = await caller.received(1)

    with pytest.raises(InvalidSignatureError):
        validate(webhook, sandbox)


async def test_an_old_timestamp(customer: RawReplicateClient, caller: SandboxCaller, sandbox: RunningSandbox) -> None:
    await customer.create(fault="webhook_old", body=webhook_options(caller, "completed"))

    [webhook] = await caller.received(1)

    with pytest.raises(InvalidTimestampError):
        validate(webhook, sandbox)


async def test_none_at_all(customer: RawReplicateClient, caller: SandboxCaller) -> None:
    await customer.finished(fault="webhook_none", body=webhook_options(caller, *ALL_EVENTS))
    await asyncio.sleep(0.1)

    assert caller.webhooks == []


async def test_a_standing_fault_spoils_one_webhook(
    customer: RawReplicateClient, caller: SandboxCaller, sandbox: RunningSandbox
) -> None:
    sandbox.misbehave("webhook_none")

    await customer.create(body=webhook_options(caller, "start", "completed"))

    assert [webhook.status for webhook in await caller.received(1)] == ["succeeded"]


async def test_the_body_is_the_signed_text_itself(customer: RawReplicateClient, caller: SandboxCaller) -> None:
    await customer.create(body=webhook_options(caller, "completed"))

    [webhook] = await caller.received(1)

    assert json.dumps(json.loads(webhook.body)) == webhook.body
