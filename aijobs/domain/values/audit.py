"""The audit log: who has done what, from where. What is written of an act is an `Act`; who did it is its `Origin`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final


class ActorKind(StrEnum):
    """What somebody was known by."""

    KEY = "key"  #: an API key, or a token or ticket made with it
    SESSION = "session"  #: a browser that was signed in with a key
    PERSON = "person"  #: somebody whom a proxy has signed in
    COMMAND_LINE = "command_line"  #: an account of the operating system, with the database at hand
    NOBODY = "nobody"  #: a request that was not let in
    SYSTEM = "system"  #: a process of the installation, by itself


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who acts, and from where.

    `actor` names it within its kind: a key's id, a person's name, an account and its host. `session` is the beginning
    of a browser session's hash; `own_users` are the end users for whom it acts as they themselves would.
    """

    kind: ActorKind
    actor: str
    key_id: str | None = None
    session: str | None = None
    address: str | None = None
    request_id: str | None = None
    own_users: frozenset[str] = frozenset()


SYSTEM: Final = Origin(kind=ActorKind.SYSTEM, actor="aijobs")

_CURRENT: Final[ContextVar[Origin]] = ContextVar("origin", default=SYSTEM)


def current_origin() -> Origin:
    """Of the request or command that is being handled; without one, the installation itself."""
    return _CURRENT.get()


def acts_from(origin: Origin) -> None:
    """For the rest of the request or command, also on the database's threads, which run with their caller's context."""
    _CURRENT.set(origin)


def acts_as(kind: ActorKind, actor: str, **more: Any) -> None:
    """As `acts_from`, from where the request came: it is known now who acts. `more` are other fields of an Origin."""
    _CURRENT.set(replace(_CURRENT.get(), kind=kind, actor=actor, **more))


@contextmanager
def acting_from(origin: Origin) -> Iterator[None]:
    token = _CURRENT.set(origin)
    try:
        yield
    finally:
        _CURRENT.reset(token)


class ActKind(StrEnum):
    """What is recorded: a thing, a dot, and what became of it. Values are stored: none is changed or used again."""

    KEY_MADE = "key.made"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    SESSION_MADE = "session.made"
    SESSION_ENDED = "session.ended"
    SIGN_IN_REFUSED = "sign_in.refused"
    PAUSE_BEGUN = "pause.begun"
    PAUSE_ENDED = "pause.ended"
    CREDENTIAL_STOPPED = "credential.stopped"
    CREDENTIAL_RESUMED = "credential.resumed"
    CREDENTIAL_RESET = "credential.reset"
    POINTS_LIMIT_SET = "points.limit_set"
    SHARE_SET = "share.set"
    MODEL_ADDED = "model.added"
    MODEL_REMOVED = "model.removed"
    TEMPLATE_SAVED = "template.saved"
    TEMPLATE_DELETED = "template.deleted"
    ENDPOINT_MADE = "endpoint.made"
    ENDPOINT_CHANGED = "endpoint.changed"
    ENDPOINT_DELETED = "endpoint.deleted"
    ENDPOINT_ROTATED = "endpoint.rotated"
    ENDPOINT_TESTED = "endpoint.tested"
    CALLBACKS_ROTATED = "callbacks.rotated"
    DELIVERIES_REPLAYED = "deliveries.replayed"
    JOB_RESOLVED = "job.resolved"
    JOB_CANCELED = "job.canceled"
    JOB_RERUN = "job.rerun"
    BATCH_PAUSED = "batch.paused"
    BATCH_RESUMED = "batch.resumed"
    BATCH_CANCELED = "batch.canceled"
    BATCH_RERUN = "batch.rerun"
    DOCUMENT_REVIEWED = "document.reviewed"
    DATA_DELETED = "data.deleted"
    DATA_EXPORTED = "data.exported"
    HOLD_BEGUN = "hold.begun"
    HOLD_ENDED = "hold.ended"
    RETENTION_SET = "retention.set"
    ERASURE_REQUESTED = "erasure.requested"
    ERASURE_DONE = "erasure.done"
    AUDIT_EXPORTED = "audit.exported"
    AUDIT_TRIMMED = "audit.trimmed"
    LOG_LEVELS_SET = "log_levels.set"


@dataclass(frozen=True, kw_only=True)
class Act:
    """One act. `target` is the code, id or name of what it was done to; `user_id` the end user whose that is.

    `before` and `after` are what the act has changed, each only the fields that differ or matter. Secrets are taken out
    when the act is recorded; prompts, answers and other contents do not belong there.
    """

    kind: ActKind
    target: str
    user_id: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


def is_somebody_else(user_id: str) -> bool:
    """Whether whoever acts now is another than this end user: an operator, say, or a service key that names nobody."""
    origin = current_origin()
    return origin.kind is not ActorKind.SYSTEM and user_id not in origin.own_users
