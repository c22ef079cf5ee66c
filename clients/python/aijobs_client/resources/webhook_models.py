"""The API's responses about webhooks. Event types and states that a newer API adds are accepted."""

from datetime import datetime
from typing import Any

from aijobs_client.models import ApiModel


class WebhookEndpoint(ApiModel):
    """A receiver. `user_id` is whose jobs it hears of, None all users'; `secret` is there only when it was made."""

    id: str
    user_id: str | None
    url: str
    events: tuple[str, ...]
    enabled: bool
    disabled_reason: str | None = None
    disabled_at: datetime | None = None
    failing_since: datetime | None = None
    previous_secret_until: datetime | None = None  #: after a rotation, the old secret signs as well until then
    create_time: datetime
    secret: str | None = None

    def __repr_args__(self) -> Any:
        """Without the secret, which belongs in no log."""
        return [(name, value) for name, value in super().__repr_args__() if name != "secret"]


class WebhookTry(ApiModel):
    """One try of a delivery. Without a status, `error` says why there was no answer."""

    at: datetime
    status: int | None = None
    error: str | None = None


class WebhookDelivery(ApiModel):
    """One message to one receiver. `message_id` is its `webhook-id`, the same in all tries and replays.

    Without `endpoint_id` it goes to the job's `callback_url`. `state` is pending, delivered, failed or replaced.
    """

    id: str
    message_id: str
    endpoint_id: str | None
    user_id: str | None
    url: str
    type: str
    job_code: str | None
    seq: int | None = None
    state: str
    attempts: int
    response_status: int | None = None
    error: str | None = None
    next_try_at: datetime | None = None
    ended_at: datetime | None = None
    replay_of: str | None = None
    create_time: datetime
    tries: tuple[WebhookTry, ...] = ()


class Replayed(ApiModel):
    """How many messages were sent again, and whether there are more."""

    replayed: int
    has_more: bool


class CallbackSecret(ApiModel):
    """What signs messages to the `callback_url` of a user's jobs."""

    user_id: str
    secret: str
    previous_secret_until: datetime | None = None

    def __repr_args__(self) -> Any:
        """Without the secret, which belongs in no log."""
        return [(name, value) for name, value in super().__repr_args__() if name != "secret"]
