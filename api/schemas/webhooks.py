"""Documents of outgoing webhooks. Clients rely on their shapes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from aijobs.domain.jobs.events import Moment
from aijobs.domain.values.timestamps import Timestamp
from aijobs.domain.webhooks import (
    FINAL_TYPES,
    MAX_URL_LENGTH,
    SIGNED_TWICE_FOR,
    DeliveryState,
    DisabledReason,
    EventType,
    endpoint_secret_ref,
    secret_of,
    user_secret_ref,
)
from aijobs.persistence.tables import WebhookDeliveryRow, WebhookEndpointRow, WebhookSecretRow
from api.schemas.jobs import Shape

EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=len(EventType))]


class EndpointRequest(BaseModel):
    """The receiver's URL, the events to send, and whose jobs."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"url": "https://example.com/aijobs", "events": ["job.success", "job.failed"]}]
        },
    )

    url: str = Field(max_length=MAX_URL_LENGTH)
    events: EventTypes = list(FINAL_TYPES)
    user_id: str | StrictInt | None = Field(
        default=None, description="With a service key: only this user's jobs. Default: every user's."
    )


class EndpointChange(BaseModel):
    """A partial update: absent fields stay unchanged."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(default=None, max_length=MAX_URL_LENGTH)
    events: EventTypes | None = None
    enabled: StrictBool | None = None


class ReplayRequest(BaseModel):
    """Which messages to send again: those made since a time that have failed for good."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"since": "2026-11-21T10:00:00Z"}]})

    since: Timestamp = Field(description="Messages made from then on.")
    until: Timestamp | None = Field(default=None, description="And before then.")
    endpoint_id: str | None = Field(
        default=None, max_length=40, description="Of this endpoint. Default: of all that are enabled, and callbacks."
    )
    include_waiting: StrictBool = Field(
        default=False, description="Also those that were not taken yet, and wait for their next try."
    )


class Replayed(Shape):
    """How many messages were sent again. `has_more`: ask again for the rest."""

    replayed: int
    has_more: bool


class WebhookEndpoint(Shape):
    """A receiver. `disabled_reason` is `gone` (it answered 410) or `failing` (for days) when we have disabled it."""

    id: str = Field(examples=["endpoint_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    user_id: str | None = Field(description="Whose jobs it receives events of; null: all users'.")
    url: str
    events: list[EventType]
    enabled: bool
    disabled_reason: DisabledReason | None
    disabled_at: Moment | None
    failing_since: Moment | None = Field(description="The first failed attempt since the last delivered message.")
    previous_secret_until: Moment | None = Field(
        description="After a rotation: until then, messages are signed with the old secret as well."
    )
    create_time: Moment


class WebhookEndpointWithSecret(WebhookEndpoint):
    """An endpoint with its secret, which is shown only when it is made."""

    secret: str = Field(examples=["whsec_…"])


class UserSecret(Shape):
    """The secret that signs messages to the `callback_url` of a user's jobs."""

    user_id: str
    secret: str = Field(examples=["whsec_…"])
    previous_secret_until: Moment | None


class Attempt(Shape):
    """One attempt of a delivery. Without a status, `error` says why."""

    at: str
    status: int | None
    error: str | None


class WebhookDelivery(Shape):
    """One message to one receiver. `message_id` is its `webhook-id`, the same in all attempts and replays."""

    id: str = Field(examples=["hook_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    message_id: str
    endpoint_id: str | None = Field(description="null: it goes to the job's `callback_url`")
    user_id: str | None
    url: str
    type: str = Field(examples=["job.success"])
    job_code: str | None = Field(description="null: of no job")
    seq: int | None = Field(description="the event's number in its job")
    state: DeliveryState
    attempts: int
    response_status: int | None = Field(description="of the last try")
    error: str | None = Field(description="of the last try")
    next_try_at: Moment | None
    ended_at: Moment | None
    replay_of: str | None
    create_time: Moment
    tries: list[Attempt]


def endpoint_response(row: WebhookEndpointRow) -> WebhookEndpoint:
    fields = {"id": row.code, "previous_secret_until": row.rotated_at and row.rotated_at + SIGNED_TWICE_FOR}
    return WebhookEndpoint.model_validate({**row.model_dump(), **fields})


def with_secret(row: WebhookEndpointRow, master: bytes) -> WebhookEndpointWithSecret:
    secret = secret_of(master, endpoint_secret_ref(row.code, row.secret_version))
    return WebhookEndpointWithSecret(**dict(endpoint_response(row)), secret=secret)


def secret_response(row: WebhookSecretRow, master: bytes) -> UserSecret:
    return UserSecret(
        user_id=row.user_id,
        secret=secret_of(master, user_secret_ref(row.user_id, row.version)),
        previous_secret_until=row.rotated_at and row.rotated_at + SIGNED_TWICE_FOR,
    )


def delivery_response(row: WebhookDeliveryRow) -> WebhookDelivery:
    last_attempt = row.tries[-1] if row.tries else {"status": None, "error": None}
    fields = {
        "id": row.code,
        "endpoint_id": row.endpoint_code,
        "type": row.topic,
        "attempts": len(row.tries),
        "response_status": last_attempt["status"],
        "error": last_attempt["error"],
    }
    return WebhookDelivery.model_validate({**row.model_dump(), **fields})
