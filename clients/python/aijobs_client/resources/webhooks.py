"""Webhook endpoints, what was sent to them, and sending again (`webhooks:write`)."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from aijobs_client.call import Call
from aijobs_client.models import ApiModel, Page
from aijobs_client.operations import PAGE, get, nothing, read_as, with_zone
from aijobs_client.resources.webhook_models import CallbackSecret, Replayed, WebhookDelivery, WebhookEndpoint

T = TypeVar("T")
S = TypeVar("S", bound=ApiModel)

ENDPOINTS: Final = "/api/webhook-endpoints"
DELIVERIES: Final = "/api/webhook-deliveries"
CALLBACKS: Final = "/api/webhook-secret"


class Webhooks(ABC):
    """Methods of Client."""

    @abstractmethod
    def _send(self, call: Call[T]) -> T: ...

    @abstractmethod
    def _pages(self, call: Callable[[str | None], Call[Page[T]]]) -> Iterator[T]: ...

    def webhook_endpoints(self) -> list[WebhookEndpoint]:
        """The oldest first; without their secrets."""
        return self._send(get(ENDPOINTS, Page[WebhookEndpoint])).data

    def webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        return self._send(get(_endpoint(endpoint_id), WebhookEndpoint))

    def create_webhook_endpoint(
        self, url: str, *, events: Iterable[str] | None = None, user_id: str | None = None
    ) -> WebhookEndpoint:
        """With its `secret`, which is told this once. Without `events`, it hears how jobs end."""
        return self._send(_create(url, events, user_id))

    def change_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Iterable[str] | None = None,
        enabled: bool | None = None,
    ) -> WebhookEndpoint:
        """Change what is named. `enabled=False` pauses it."""
        return self._send(_change(endpoint_id, url, events, enabled=enabled))

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        self._send(_delete(endpoint_id))

    def rotate_webhook_secret(self, endpoint_id: str) -> WebhookEndpoint:
        """With its new `secret`; the old one signs as well until `previous_secret_until`."""
        return self._send(_rotate(endpoint_id))

    def test_webhook_endpoint(self, endpoint_id: str) -> WebhookDelivery:
        """Send a test message. `webhook_delivery` says how it went."""
        return self._send(_test(endpoint_id))

    def webhook_deliveries(
        self, *, job: str | None = None, endpoint: str | None = None, state: str | None = None
    ) -> Iterator[WebhookDelivery]:
        """Newest first. `state`: pending, delivered, failed or replaced. Raises ValueError for job and endpoint."""
        return self._pages(_deliveries(job, endpoint, state))

    def webhook_delivery(self, delivery_id: str) -> WebhookDelivery:
        return self._send(get(_delivery(delivery_id), WebhookDelivery))

    def replay_webhook(self, delivery_id: str) -> WebhookDelivery:
        """Send it again, now, under its old message id. Returns the new delivery."""
        return self._send(_replay(delivery_id))

    def replay_failed_webhooks(
        self,
        since: datetime,
        *,
        until: datetime | None = None,
        endpoint: str | None = None,
        include_waiting: bool = False,
    ) -> int:
        """Send again all that have failed and were made from `since` on. Returns how many.

        What was sent again before is left alone. Raises ValueError for a time without a zone.
        """
        call = _replay_failed(since, until, endpoint, include_waiting=include_waiting)
        count, has_more = 0, True
        while has_more:
            done = self._send(call)
            count, has_more = count + done.replayed, done.has_more
        return count

    def callback_secret(self) -> CallbackSecret:
        """What signs messages to the `callback_url` of the user's jobs."""
        return self._send(get(CALLBACKS, CallbackSecret))

    def rotate_callback_secret(self) -> CallbackSecret:
        return self._send(_rotate_callbacks())


class AsyncWebhooks(ABC):
    """Methods of AsyncClient, as those of Webhooks."""

    @abstractmethod
    async def _send(self, call: Call[T]) -> T: ...

    @abstractmethod
    def _pages(self, call: Callable[[str | None], Call[Page[T]]]) -> AsyncIterator[T]: ...

    async def webhook_endpoints(self) -> list[WebhookEndpoint]:
        """The oldest first; without their secrets."""
        return (await self._send(get(ENDPOINTS, Page[WebhookEndpoint]))).data

    async def webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        return await self._send(get(_endpoint(endpoint_id), WebhookEndpoint))

    async def create_webhook_endpoint(
        self, url: str, *, events: Iterable[str] | None = None, user_id: str | None = None
    ) -> WebhookEndpoint:
        """With its `secret`, which is told this once. Without `events`, it hears how jobs end."""
        return await self._send(_create(url, events, user_id))

    async def change_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Iterable[str] | None = None,
        enabled: bool | None = None,
    ) -> WebhookEndpoint:
        """Change what is named. `enabled=False` pauses it."""
        return await self._send(_change(endpoint_id, url, events, enabled=enabled))

    async def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        await self._send(_delete(endpoint_id))

    async def rotate_webhook_secret(self, endpoint_id: str) -> WebhookEndpoint:
        """With its new `secret`; the old one signs as well until `previous_secret_until`."""
        return await self._send(_rotate(endpoint_id))

    async def test_webhook_endpoint(self, endpoint_id: str) -> WebhookDelivery:
        """Send a test message. `webhook_delivery` says how it went."""
        return await self._send(_test(endpoint_id))

    async def webhook_deliveries(
        self, *, job: str | None = None, endpoint: str | None = None, state: str | None = None
    ) -> AsyncIterator[WebhookDelivery]:
        """Newest first. `state`: pending, delivered, failed or replaced. Raises ValueError for job and endpoint."""
        async for delivery in self._pages(_deliveries(job, endpoint, state)):
            yield delivery

    async def webhook_delivery(self, delivery_id: str) -> WebhookDelivery:
        return await self._send(get(_delivery(delivery_id), WebhookDelivery))

    async def replay_webhook(self, delivery_id: str) -> WebhookDelivery:
        """Send it again, now, under its old message id. Returns the new delivery."""
        return await self._send(_replay(delivery_id))

    async def replay_failed_webhooks(
        self,
        since: datetime,
        *,
        until: datetime | None = None,
        endpoint: str | None = None,
        include_waiting: bool = False,
    ) -> int:
        """Send again all that have failed and were made from `since` on. Returns how many.

        What was sent again before is left alone. Raises ValueError for a time without a zone.
        """
        call = _replay_failed(since, until, endpoint, include_waiting=include_waiting)
        count, has_more = 0, True
        while has_more:
            done = await self._send(call)
            count, has_more = count + done.replayed, done.has_more
        return count

    async def callback_secret(self) -> CallbackSecret:
        """What signs messages to the `callback_url` of the user's jobs."""
        return await self._send(get(CALLBACKS, CallbackSecret))

    async def rotate_callback_secret(self) -> CallbackSecret:
        return await self._send(_rotate_callbacks())


def _endpoint(endpoint_id: str, suffix: str = "") -> str:
    return f"{ENDPOINTS}/{quote(endpoint_id, safe='')}{suffix}"


def _delivery(delivery_id: str, suffix: str = "") -> str:
    return f"{DELIVERIES}/{quote(delivery_id, safe='')}{suffix}"


def _post(path: str, response_type: type[S], body: Mapping[str, Any] | None = None, *, is_safe: bool) -> Call[S]:
    return Call(method="POST", path=path, read=read_as(response_type), is_safe=is_safe, body=body)


def _create(url: str, events: Iterable[str] | None, user_id: str | None) -> Call[WebhookEndpoint]:
    named = {"url": url, "events": None if events is None else list(events), "user_id": user_id}
    body = {name: value for name, value in named.items() if value is not None}
    return _post(ENDPOINTS, WebhookEndpoint, body, is_safe=False)


def _change(
    endpoint_id: str,
    url: str | None,
    events: Iterable[str] | None,
    *,
    enabled: bool | None,
) -> Call[WebhookEndpoint]:
    named = {"url": url, "events": None if events is None else list(events), "enabled": enabled}
    body = {name: value for name, value in named.items() if value is not None}
    read = read_as(WebhookEndpoint)
    return Call(method="PATCH", path=_endpoint(endpoint_id), read=read, is_safe=True, body=body)


def _delete(endpoint_id: str) -> Call[None]:
    return Call(method="DELETE", path=_endpoint(endpoint_id), read=nothing, is_safe=False)


def _rotate(endpoint_id: str) -> Call[WebhookEndpoint]:
    """Not repeated by itself: a second one ends the first secret at once."""
    return _post(_endpoint(endpoint_id, "/rotate-secret"), WebhookEndpoint, is_safe=False)


def _rotate_callbacks() -> Call[CallbackSecret]:
    return _post(f"{CALLBACKS}/rotate", CallbackSecret, is_safe=False)


def _test(endpoint_id: str) -> Call[WebhookDelivery]:
    return _post(_endpoint(endpoint_id, "/test"), WebhookDelivery, is_safe=False)


def _replay(delivery_id: str) -> Call[WebhookDelivery]:
    return _post(_delivery(delivery_id, "/replay"), WebhookDelivery, is_safe=False)


def _replay_failed(
    since: datetime, until: datetime | None, endpoint: str | None, *, include_waiting: bool
) -> Call[Replayed]:
    """May be repeated: what was sent again is left alone by the next one.

    With those that wait, what is sent again meanwhile, and waits too, is not sent once more: hence the end.
    """
    if include_waiting and until is None:
        until = datetime.now(UTC)
    body = {
        "since": with_zone(since),
        "until": with_zone(until),
        "endpoint_id": endpoint,
        "include_waiting": include_waiting,
    }
    return _post(f"{DELIVERIES}/replay", Replayed, body, is_safe=not include_waiting)


def _deliveries(
    job: str | None, endpoint: str | None, state: str | None
) -> Callable[[str | None], Call[Page[WebhookDelivery]]]:
    if job is not None and endpoint is not None:
        raise ValueError("deliveries are listed by job or by endpoint, not by both")
    path = DELIVERIES if endpoint is None else _endpoint(endpoint, "/deliveries")

    def page(cursor: str | None) -> Call[Page[WebhookDelivery]]:
        query = {"job": job, "state": state, "cursor": cursor, "limit": PAGE}
        return get(path, Page[WebhookDelivery], query)

    return page
