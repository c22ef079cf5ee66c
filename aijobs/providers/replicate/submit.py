"""The outcome of a create at Replicate: accepted, rejected, or unknown."""

import re
from datetime import timedelta
from typing import Any, Final

from aijobs.adapters.network.http_client import MAX_RETRY_AFTER, HttpReply, NoReply, NotSent, retry_after
from aijobs.domain.jobs.submissions import Accepted, Rejected, SubmitOutcome, Unknown
from aijobs.providers.replicate.prediction import MAX_MESSAGE, prediction_in
from aijobs.providers.replicate.urls import RefOf

#: Statuses that mean for certain: no prediction was created, nothing is charged, and a retry would fail as well.
#: After any other status (a conflict, a redirect, a gateway's 5xx) it is unknown whether one was created.
REJECTING: Final = frozenset({400, 401, 402, 403, 404, 413, 415, 422})
THROTTLED: Final = 429

_RESETS_IN: Final = re.compile(r"resets in ~?(\d{1,6})s")


def outcome_of(reply: HttpReply | NotSent | NoReply, *, ref_of: RefOf) -> SubmitOutcome:
    """`ref_of` makes a reference from the prediction's `id` and `urls`."""
    match reply:
        case NotSent(reason):
            return Rejected("provider_unreachable", f"Replicate cannot be reached: {reason}", may_retry=True)
        case NoReply(reason):
            return Unknown(f"no answer came back: {reason}")
        case HttpReply(ok=True):
            return _accepted_or_unknown(reply, ref_of)
        case HttpReply(status=status) if status in REJECTING:
            return Rejected("provider_rejected", message_of(reply))
        case HttpReply(status=status) if status == THROTTLED:
            return Rejected("provider_throttled", message_of(reply), may_retry=True, retry_after=_retry_after(reply))
        case HttpReply(status=status):
            return Unknown(f"Replicate answered {status}")


def _accepted_or_unknown(reply: HttpReply, ref_of: RefOf) -> Accepted | Unknown:
    """Only the id is used: the status may be out of date, and the output incomplete."""
    prediction = prediction_in(reply.document())
    if prediction is None:
        return Unknown(f"Replicate answered {reply.status} without a readable prediction")
    return Accepted(ref_of(prediction.id, prediction.urls))


def message_of(reply: HttpReply) -> str:
    """The message of a problem document, with each invalid field."""
    problem = reply.document() or {}
    fields = problem.get("invalid_fields")
    messages = [_field(field) for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []
    message = (
        "; ".join(messages) or problem.get("detail") or problem.get("title") or f"Replicate answered {reply.status}"
    )
    return str(message).strip()[:MAX_MESSAGE]


def _field(field: dict[str, Any]) -> str:
    return f"{field.get('field', 'input')}: {field.get('description') or field.get('type')}"


def _retry_after(reply: HttpReply) -> timedelta | None:
    """Replicate has used four formats over the years."""
    problem = reply.document() or {}
    seconds = problem.get("retry_after")
    reset = _RESETS_IN.search(str(problem.get("detail", "")))
    if "retry-after" not in reply.headers:
        if isinstance(seconds, int | float) and seconds > 0:
            return timedelta(seconds=min(seconds, MAX_RETRY_AFTER.total_seconds()))
        if reset:
            return timedelta(seconds=int(reset[1]))
    return retry_after(reply.headers)
