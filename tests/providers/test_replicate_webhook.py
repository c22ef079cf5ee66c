"""Webhooks: which ones are accepted, and what is read from them."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from aijobs.domain.errors import BadInput, NotAuthenticated
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import IncomingWebhook, WebhookHint

At = Callable[..., Awaitable[Any]]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ANOTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
PREDICTION = b'{"id":"p1","status":"succeeded","output":"https://replicate.delivery/out.png"}'


def delivered(body: bytes = PREDICTION, *, age: timedelta = timedelta(), secret: str = SECRET) -> IncomingWebhook:
    sent_at = datetime.now(UTC) - age
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", sent_at, body.decode()),
    }
    return IncomingWebhook(headers, body, token="sub_1")


def changed(delivery: IncomingWebhook, **headers: str | None) -> IncomingWebhook:
    named = {f"webhook-{name}": value for name, value in headers.items()}
    kept_headers = {name: value for name, value in {**delivery.headers, **named}.items() if value is not None}
    return IncomingWebhook(kept_headers, delivery.body, delivery.token)


def test_a_signed_webhook_is_a_hint(replicate: Provider) -> None:
    delivery = delivered()

    assert replicate.parse_webhook(delivery) == WebhookHint(
        delivery_id="msg_1",
        raw_status="succeeded",
        ref={
            "id": "p1",
            "get": "https://api.replicate.com/v1/predictions/p1",
            "cancel": "https://api.replicate.com/v1/predictions/p1/cancel",
        },
        sent_at=datetime.fromtimestamp(int(delivery.headers["webhook-timestamp"]), UTC),
    )


def test_one_good_signature_among_several_is_enough(replicate: Provider) -> None:
    delivery = delivered()
    foreign = delivered(secret=ANOTHER_SECRET).headers["webhook-signature"]

    hint = replicate.parse_webhook(
        changed(delivery, signature=f"v1a,AAAA {foreign} {delivery.headers['webhook-signature']}")
    )

    assert hint.ref is not None


def test_the_published_test_vector_is_reproduced() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)

    signature = Webhook(SECRET).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "forged",
    [
        IncomingWebhook({}, PREDICTION, token="sub_1"),
        changed(delivered(), signature=None),
        changed(delivered(), id=None),
        changed(delivered(), timestamp=None),
        changed(delivered(), id="msg_2"),
        changed(delivered(), timestamp="soon"),
        changed(delivered(), timestamp="nan"),
        changed(delivered(), timestamp=str(int(datetime.now(UTC).timestamp()) + 1)),
        changed(delivered(), signature="v1,"),
        changed(delivered(), signature="nonsense"),
        changed(delivered(), signature="v1,%%%"),
        changed(delivered(), signature="v2," + delivered().headers["webhook-signature"].removeprefix("v1,")),
        delivered(secret=ANOTHER_SECRET),
        delivered(age=timedelta(hours=6)),
        delivered(age=-timedelta(hours=6)),
        IncomingWebhook(delivered().headers, PREDICTION + b" ", token="sub_1"),
        IncomingWebhook(delivered().headers, b"\xff\xfe", token="sub_1"),
    ],
)
def test_a_signature_that_is_missing_wrong_or_old_is_not_heard(replicate: Provider, forged: IncomingWebhook) -> None:
    with pytest.raises(NotAuthenticated):
        replicate.parse_webhook(forged)


async def test_without_a_secret_no_webhook_is_heard(replicate_at: At) -> None:
    replicate = await replicate_at("https://api.replicate.com", webhook_secret=None)

    with pytest.raises(NotAuthenticated):
        replicate.parse_webhook(delivered())


async def test_a_secret_that_is_none_is_refused_at_the_start(replicate_at: At) -> None:
    with pytest.raises(ValueError, match="base64"):
        await replicate_at("https://api.replicate.com", webhook_secret="whsec_a")


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"{}", b'{"id": 5}', b"[" * 99999])
def test_a_signed_body_that_is_no_prediction_is_bad_input(replicate: Provider, body: bytes) -> None:
    with pytest.raises(BadInput):
        replicate.parse_webhook(delivered(body))


def test_a_foreign_link_in_a_webhook_is_not_kept(replicate: Provider) -> None:
    body = json.dumps({"id": "p1", "urls": {"get": "https://evil.example/p1"}}).encode()

    hint = replicate.parse_webhook(delivered(body))

    assert hint.ref is not None
    assert hint.ref["get"] == "https://api.replicate.com/v1/predictions/p1"
