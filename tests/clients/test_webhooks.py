"""Webhooks by the clients."""

from datetime import UTC, datetime, timedelta

import pytest
from aijobs_client import ApiError
from standardwebhooks import Webhook

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.webhooks import WebhookReply
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from tests.api.installation import ApiUnderTest
from tests.clients.conftest import AnyClient

URL = "https://example.com/hooks"


async def give_up(api: ApiUnderTest, delivery: str) -> None:
    outbox = DatabaseDeliveries(api.dependencies.database, disable_after=timedelta(days=5))
    await outbox.note_try(delivery, WebhookReply(status=503), next_try_at=None)


async def test_an_endpoint_is_kept(ada: AnyClient, user: str) -> None:
    made = await ada("create_webhook_endpoint", URL, events=["job.failed"])
    rotated = await ada("rotate_webhook_secret", made.id)
    paused = await ada("change_webhook_endpoint", made.id, enabled=False)
    changed = await ada("change_webhook_endpoint", made.id, url=f"{URL}/2", events=("job.success",), enabled=True)
    listed = await ada("webhook_endpoints")
    one = await ada("webhook_endpoint", made.id)
    await ada("delete_webhook_endpoint", made.id)

    assert (made.user_id, made.events, made.enabled) == (user, ("job.failed",), True)
    assert Webhook(made.secret)
    assert made.secret not in repr(made)
    assert rotated.secret not in {None, made.secret}
    assert rotated.previous_secret_until > datetime.now(UTC) + timedelta(hours=23)
    assert (paused.enabled, paused.disabled_reason) == (False, "owner")
    assert (changed.url, changed.events, changed.enabled) == (f"{URL}/2", ("job.success",), True)
    assert listed == [one]
    assert one.secret is None
    assert await ada("webhook_endpoints") == []


async def test_a_wrong_url_is_named(ada: AnyClient) -> None:
    with pytest.raises(ApiError) as refused:
        await ada("create_webhook_endpoint", "http://10.0.0.1/")

    assert refused.value.errors[0].pointer == "/url"


async def test_deliveries_are_listed_tested_and_replayed(api: ApiUnderTest, ada: AnyClient, user: str) -> None:
    endpoint = (await ada("create_webhook_endpoint", URL)).id
    code = await api.job(user)
    await api.push(code, JobStatus.FAILED)
    [told] = await ada("webhook_deliveries", job=code)
    tried = await ada("test_webhook_endpoint", endpoint)
    for delivery in (told.id, tried.id):
        await give_up(api, delivery)

    failed = await ada("webhook_deliveries", endpoint=endpoint, state="failed")
    again = await ada("replay_webhook", told.id)
    count = await ada("replay_failed_webhooks", datetime.now(UTC) - timedelta(hours=1), endpoint=endpoint)
    kept = await ada("webhook_delivery", told.id)

    assert (told.type, told.state, tried.type, tried.job_code) == ("job.failed", "pending", "endpoint.test", None)
    assert [delivery.id for delivery in failed] == [tried.id, told.id]
    assert (again.message_id, again.replay_of) == (told.message_id, told.id)
    assert count == 1
    assert [(one.status, one.error) for one in kept.tries] == [(503, "HTTP 503")]


async def test_what_cannot_be_asked_is_refused_here(ada: AnyClient) -> None:
    with pytest.raises(ValueError, match="not by both"):
        await ada("webhook_deliveries", job="job_x", endpoint="endpoint_x")
    with pytest.raises(ValueError, match="time zone"):
        await ada("replay_failed_webhooks", datetime(2026, 1, 1))  # noqa: DTZ001


async def test_the_secret_of_callbacks_is_read_and_rotated(ada: AnyClient, user: str) -> None:
    old = await ada("callback_secret")
    new = await ada("rotate_callback_secret")

    assert (old.user_id, old.previous_secret_until) == (user, None)
    assert new.secret != old.secret
    assert (await ada("callback_secret")) == new
    assert new.secret not in repr(new)
