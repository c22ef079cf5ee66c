"""Handing a job to its provider: at most one send, and one of three outcomes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NotRequired, TypedDict

Ref = dict[str, Any]
"""A provider's reference to a submission: a JSON document (`id`, status URL, cancel URL, …)."""

CREDENTIAL: Final = "aijobs_credential"
FALLBACK: Final = "aijobs_fallback"
"""The keys of ours in a reference. They go wherever the reference goes: polls need no database to know them."""


class Outcome(StrEnum):
    """What became of a submission. Nothing recorded means: the request may be on its way right now."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    VOIDED = "voided"  #: the provider says that it has made nothing of it, and it is sent once more


OLDER_COPY: Final = "the database is an older copy, and the request may have been sent since"
"""The cause of an unknown outcome after the database was restored."""

#: What another submission may follow: the provider has made nothing, and charges nothing.
CAME_TO_NOTHING: Final = frozenset({Outcome.REJECTED, Outcome.VOIDED})


@dataclass(frozen=True)
class Accepted:
    """The provider has it, under `ref`."""

    ref: Ref


@dataclass(frozen=True)
class Rejected:
    """The provider surely did not take it. With `may_retry` it may be sent again, after `retry_after`.

    `account_must_act`: it takes nothing of this account until somebody pays, or grants something, there.
    `once_more`: the provider refuses such a request by mistake at times, so that the same may be taken a moment later.
    """

    code: str
    message: str
    may_retry: bool = False
    retry_after: timedelta | None = None
    account_must_act: bool = False
    once_more: bool = False


@dataclass(frozen=True)
class Unknown:
    """The request may have arrived. It is sent again only to a vendor that answers it with the job it has made."""

    cause: str


SubmitOutcome = Accepted | Rejected | Unknown


@dataclass(frozen=True)
class ProviderRequest:
    """The request, stored before it is sent. Secrets (the API key) are added when sending and never stored."""

    method: str
    url: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


class Sending(TypedDict):
    """What is noted of a request that is about to leave. `credential` and `fallback` are as in the submission.

    `why` it is a fallback. `number` is the submission's that the token was made for. `sent_at`: it does not leave now,
    but may have left since then.
    """

    provider: str
    token: str
    request: ProviderRequest
    credential: NotRequired[str | None]
    fallback: NotRequired[str | None]
    why: NotRequired[str | None]
    number: NotRequired[int]
    sent_at: NotRequired[datetime | None]


@dataclass(frozen=True)
class Submission:
    """One attempt to hand a job to its provider, as it stands in the database.

    `token` is planted wherever the provider echoes something (webhook URL, our own input URL). `credential` is the one
    that it was sent with; None: the first of the job's own provider. `fallback` is the model that it was sent for,
    where that is not the job's own.
    """

    id: int
    job_code: str
    number: int
    token: str
    request: ProviderRequest
    intent_at: datetime
    outcome: Outcome | None
    ref: Ref | None
    credential: str | None = None
    fallback: str | None = None
    cause: str | None = None  #: of an outcome that is not ACCEPTED

    @property
    def may_be_of_another_time(self) -> bool:
        """Whether nobody knows when it was sent: that a search does not find it proves nothing."""
        return self.outcome is Outcome.UNKNOWN and self.cause == OLDER_COPY

    @property
    def shown_credential(self) -> dict[str, str]:
        """What a job's history says of it."""
        shown = {"credential": self.credential, "fallback": self.fallback}
        return {name: value for name, value in shown.items() if value is not None}

    def bound(self, ref: Ref) -> Ref:
        """A reference of the provider that also says with which credential it can be used."""
        marks = {CREDENTIAL: self.credential, FALLBACK: self.fallback}
        return {**ref, **{name: value for name, value in marks.items() if value is not None}}


def credential_in(ref: Ref | None) -> str | None:
    """The credential that a bound reference is used with; None: the first of the job's own provider."""
    return None if ref is None else ref.get(CREDENTIAL)


def fallback_in(ref: Ref | None) -> str | None:
    """The model that stands in for the job's own, by a bound reference."""
    return None if ref is None else ref.get(FALLBACK)


@dataclass(frozen=True)
class Found:
    """The lost submission is at the provider after all, under `ref`."""

    ref: Ref


class Search(StrEnum):
    """The other results of looking for a lost submission at its provider."""

    NOT_YET = "not_yet"  #: not seen so far; ask again
    ABSENT = "absent"  #: surely not there
    IMPOSSIBLE = "impossible"  #: this provider cannot tell, or no longer


class CancelOutcome(StrEnum):
    """A provider's answer to a cancel request."""

    CANCELED = "canceled"
    REQUESTED = "requested"
    TOO_LATE = "too_late"
    NOT_SUPPORTED = "not_supported"
