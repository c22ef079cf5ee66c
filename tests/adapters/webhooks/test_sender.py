"""One attempt of a webhook, against receivers of every kind."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import WebhookVerificationError

from aijobs.adapters.network.ssrf_guard import REFUSED
from aijobs.adapters.webhooks.sender import MAX_RESPONSE_BYTES, HttpWebhookSender
from aijobs.adapters.webhooks.settings import WebhookSettings
from aijobs.domain.webhooks import SecretRef, WebhookMessage, secret_of
from tests.adapters.webhooks.conftest import SECRET
from tests.adapters.webhooks.receiver import Behaviour, Receiver, answers, hangs, resets, takes, talks

ADA = SecretRef("user:ada", 1)


def notice(url: str, *secret_refs: SecretRef, body: str = '{"type": "job.success"}') -> WebhookMessage:
    return WebhookMessage(
        code="hook_1",
        message_id="hook_1",
        url=url,
        body=body,
        secret_refs=secret_refs or (ADA,),
        attempts=0,
        created_at=datetime.now(UTC),
        next_try_at=datetime.now(UTC),
    )


async def test_a_message_is_signed_so_that_the_library_of_standard_webhooks_knows_it(
    receiver: Receiver, sender: HttpWebhookSender
) -> None:
    reply = await sender.send(notice(receiver.url, body='{"said": "生成中"}'))

    [message] = receiver.received
    assert reply.is_taken
    assert message.verified(secret_of(SECRET, ADA)) == {"said": "生成中"}
    assert message.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        message.verified(secret_of(SECRET, SecretRef("user:bell", 1)))


async def test_after_a_rotation_the_old_and_the_new_secret_both_fit(
    receiver: Receiver, sender: HttpWebhookSender
) -> None:
    old, new = SecretRef("user:ada", 1), SecretRef("user:ada", 2)

    await sender.send(notice(receiver.url, new, old))

    for seal in (old, new):
        assert receiver.received[0].verified(secret_of(SECRET, seal))


@pytest.mark.parametrize(
    ("behaviour", "status", "reason"),
    [
        (answers("500 Internal Server Error"), 500, "HTTP 500"),
        (answers("302 Found", "location: /elsewhere"), 302, "HTTP 302"),
        (answers("410 Gone"), 410, "HTTP 410"),
        (hangs, None, "No answer within 1 s."),
        (resets, None, "The connection failed"),
    ],
)
async def test_what_is_not_taken_is_a_reply_and_no_error(
    receiver: Receiver, sender: HttpWebhookSender, behaviour: Behaviour, status: int | None, reason: str
) -> None:
    receiver.behaves(behaviour)

    reply = await sender.send(notice(receiver.url))

    assert not reply.is_taken
    assert reply.status == status
    assert reason in str(reply)
    assert [message.path for message in receiver.received] == ["/hooks"]


async def test_an_endless_answer_is_cut_off(receiver: Receiver, sender: HttpWebhookSender) -> None:
    got_rid_of: list[int] = []
    receiver.behaves(talks(got_rid_of))

    reply = await sender.send(notice(receiver.url))

    assert reply.status == 200
    assert sum(got_rid_of) < 200 * MAX_RESPONSE_BYTES  # what the kernel keeps on both sides included


async def test_a_receiver_may_say_when_to_come_back(receiver: Receiver, sender: HttpWebhookSender) -> None:
    receiver.behaves(answers("503 Service Unavailable", "retry-after: 120"))

    reply = await sender.send(notice(receiver.url))

    assert reply.retry_after == timedelta(minutes=2)


async def test_an_address_is_judged_when_connecting_whatever_its_name_said_before() -> None:
    reason = iter([["93.184.215.14", "10.0.0.1"], ["127.0.0.1"], ["169.254.169.254"]])

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return next(reason)

    async with HttpWebhookSender(WebhookSettings(), SECRET, resolver=rebinding) as sender:
        replies = [await sender.send(notice("https://example.com/hooks")) for _ in range(3)]

    assert [reply.error for reply in replies] == [REFUSED] * 3


async def test_a_host_that_is_no_longer_listed_is_not_called(receiver: Receiver) -> None:
    async with HttpWebhookSender(WebhookSettings(), SECRET) as sender:
        reply = await sender.send(notice(receiver.url))

    assert "https" in str(reply)
    assert receiver.received == []


async def test_nobody_at_the_door_is_a_reply_too(receiver: Receiver) -> None:
    settings = WebhookSettings(allow_hosts=("127.0.0.1:1",))

    async with HttpWebhookSender(settings, SECRET) as sender:
        reply = await sender.send(notice("http://127.0.0.1:1/"))

    assert "The connection failed" in str(reply)


async def test_a_try_is_one_request(receiver: Receiver, sender: HttpWebhookSender) -> None:
    receiver.behaves(resets, takes)

    await sender.send(notice(receiver.url))

    assert len(receiver.received) == 1
