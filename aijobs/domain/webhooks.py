"""Webhooks to our callers: event types, message bodies, secrets and the retry schedule.

The envelope, the headers, the schedule and what an answer means are those of Standard Webhooks
(https://www.standardwebhooks.com).
"""

import base64
import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, assert_never

from aijobs.domain.jobs.events import EventKind, JobEvent, rfc3339
from aijobs.domain.lifecycle import JobStatus

MAX_URL_LENGTH: Final = 2000
_SIGNING_PREFIX: Final = "whsec_"

_SIGNING_PURPOSE: Final = "aijobs webhook secret 1"  # so that nothing derived for anything else is a secret here

MAX_BYTES: Final = 20 * 1024
"""Of one message. What does not fit is left out: the receiver can read it from the API."""

MONEY: Final = ("points", "charged", "cost")
"""What a final event says of money: it is never left out."""

STANDARD_PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)

SIGNED_TWICE_FOR: Final = timedelta(hours=24)
"""After a rotation, the old secret signs as well for so long."""


class EventType(StrEnum):
    """What a message is about: its `type`, and what an endpoint can ask for."""

    SUCCESS = "job.success"
    FAILED = "job.failed"
    TIMEOUT = "job.timeout"
    CANCELED = "job.canceled"
    STATUS = "job.status"  #: every status behind DRAFT
    PROGRESS = "job.progress"  #: every step of progress, at most two a second for each job
    ALERT = "points.alert"  #: half of a user's points of the day are spent, four fifths, or all
    BATCH_DONE = "batch.done"  #: every item of a batch has ended
    BATCH_CANCELED = "batch.canceled"  #: a batch was canceled, and what ran of it has ended


TEST: Final = "endpoint.test"

FINAL_TYPES: Final = (EventType.SUCCESS, EventType.FAILED, EventType.TIMEOUT, EventType.CANCELED)
"""The event types of an endpoint that names none."""

_END_TOPIC: Final[Mapping[JobStatus, EventType]] = {
    JobStatus.SUCCESS: EventType.SUCCESS,
    JobStatus.FAILED: EventType.FAILED,
    JobStatus.TIMEOUT: EventType.TIMEOUT,
    JobStatus.CANCELED: EventType.CANCELED,
}


def event_type_of(kind: EventKind, status: JobStatus, subscribed: Collection[str]) -> EventType | None:
    """The subscribed type that an event is sent as, the narrower one first; None when it is not sent."""
    return next((topic for topic in _fitting(kind, status) if topic in subscribed), None)


def _fitting(kind: EventKind, status: JobStatus) -> tuple[EventType, ...]:
    match kind:
        case EventKind.STATUS:
            return (_END_TOPIC.get(status, EventType.STATUS), EventType.STATUS)
        case EventKind.PROGRESS:
            return (EventType.PROGRESS,)
        case EventKind.NOTE:
            return ()
        case unreachable:
            assert_never(unreachable)


def job_message(topic: str, event: JobEvent, metadata: Mapping[str, str]) -> str:
    """The body that tells of a job's event, as JSON. The same event always gives the same body."""
    data = event.model_dump(mode="json") | {"metadata": dict(metadata)}
    body = message(topic, event.at, data)
    lighter: Mapping[str, Mapping[str, Any]] = {
        "detail": {name: event.detail[name] for name in MONEY if name in event.detail},
        "metadata": {},
    }
    for heavy, left in lighter.items():
        if len(body.encode()) <= MAX_BYTES:
            break
        data = data | {heavy: left, "truncated": True}
        body = message(topic, event.at, data)
    return body


def message(topic: str, at: datetime, data: Mapping[str, Any]) -> str:
    """The envelope."""
    return json.dumps({"type": topic, "timestamp": rfc3339(at), "data": data}, ensure_ascii=False)


@dataclass(frozen=True)
class SecretRef:
    """Names a secret without its value: the owner, and the version since the last rotations."""

    subject: str
    version: int


def endpoint_secret_ref(code: str, version: int) -> SecretRef:
    return SecretRef(f"endpoint:{code}", version)


def user_secret_ref(user_id: str, version: int) -> SecretRef:
    """Signs what goes to the `callback_url` of this user's jobs."""
    return SecretRef(f"user:{user_id}", version)


def secret_of(master: bytes, seal: SecretRef) -> str:
    """`whsec_…`: 256 bits that only this installation can make, and makes again whenever they are needed.

    Derived from the installation's secret, so that none has to be kept.
    """
    derived = hmac.digest(master, "\0".join((_SIGNING_PURPOSE, str(seal.version), seal.subject)).encode(), "sha256")
    return _SIGNING_PREFIX + base64.b64encode(derived).decode()


def signing_refs(newest: SecretRef, rotated_at: datetime | None, now: datetime) -> tuple[SecretRef, ...]:
    """The secrets that sign now: the newest, and the one before it for a while after a rotation."""
    if rotated_at is None or now >= rotated_at + SIGNED_TWICE_FOR:
        return (newest,)
    return newest, SecretRef(newest.subject, newest.version - 1)


@dataclass(frozen=True, kw_only=True)
class WebhookMessage:
    """A message to send, of an event at `created_at`, or replayed then. `closed`: why it is not sent any more."""

    code: str
    message_id: str
    url: str
    body: str
    secret_refs: Sequence[SecretRef]
    attempts: int
    created_at: datetime
    next_try_at: datetime
    closed: str | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookReply:
    """What a receiver answered: an HTTP status, or why there was none."""

    status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """410: the receiver wants nothing more, ever."""
        return self.status == 410

    @property
    def outcome(self) -> str:
        """In our words alone: the status, or that there was none."""
        return "No answer." if self.status is None else f"HTTP {self.status}"

    def __str__(self) -> str:
        return self.error or f"HTTP {self.status}"


class DeliveryState(StrEnum):
    """What has become of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  #: for good: no try is left, or the endpoint is closed
    REPLACED = "replaced"  #: by a replay


class DisabledReason(StrEnum):
    """Why an endpoint is disabled."""

    OWNER = "owner"
    GONE = "gone"  #: it answered 410
    FAILING = "failing"  #: it took nothing for days


@dataclass(frozen=True, kw_only=True)
class RetrySchedule:
    """`pauses` are the waits behind each failed try; `jitter` is the share by which they are lengthened at most."""

    pauses: Sequence[timedelta] = STANDARD_PAUSES
    jitter: float = 0.1

    def pause(self, failed_tries: int, *, dice: float, at_least: timedelta | None = None) -> timedelta | None:
        """The delay after `failed_tries` (1 or more) attempts; None when there is no further attempt.

        `dice` is uniform in 0..1; `at_least` is the receiver's Retry-After.
        """
        if failed_tries > len(self.pauses):
            return None
        return max(self.pauses[failed_tries - 1] * (1 + self.jitter * dice), at_least or timedelta())
