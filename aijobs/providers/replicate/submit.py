"""What Replicate's answer to a create means: accepted, rejected, or nobody knows."""

import re
from datetime import timedelta
from typing import Any, Final

from aijobs.adapters.network.http_client import MAX_RETRY_AFTER, HttpReply, NoReply, NotSent, retry_after
from aijobs.domain.jobs.submissions import Accepted, Rejected, SubmitOutcome, Unknown
from aijobs.providers.replicate.prediction import MAX_MESSAGE, prediction_in
from aijobs.providers.replicate.urls import RefOf

#: Answers that surely mean: no prediction was made, nothing is charged, and the same request would fare no better.
#: Anything that is in neither table (a conflict, a redirect, a gateway's 5xx) says nothing about what was made.
REJECTING: Final = frozenset({400, 401, 402, 403, 404, 413, 415, 422})
THROTTLED: Final = 429

_RESETS_IN: Final = re.compile(r"resets in ~?(\d{1,6})s")


def outcome_of(answer: HttpReply | NotSent | NoReply, *, ref_of: RefOf) -> SubmitOutcome:
    """`ref_of` makes a reference from the prediction's `id` and `urls`."""
    match answer:
        case NotSent(reason):
            return Rejected("provider_unreachable", f"Replicate cannot be reached: {reason}", may_retry=True)
        case NoReply(reason):
            return Unknown(f"no answer came back: {reason}")
        case HttpReply(ok=True):
            return _taken(answer, ref_of)
        case HttpReply(status=status) if status in REJECTING:
            return Rejected("provider_rejected", message_of(answer))
        case HttpReply(status=status) if status == THROTTLED:
            return Rejected("provider_throttled", message_of(answer), may_retry=True, retry_after=_wait(answer))
        case HttpReply(status=status):
            return Unknown(f"Replicate answered {status}")


def _taken(reply: HttpReply, ref_of: RefOf) -> Accepted | Unknown:
    """Only the id counts. The status may be out of date, whatever output there is may be half of it."""
    prediction = prediction_in(reply.document())
    if prediction is None:
        return Unknown(f"Replicate answered {reply.status} without a readable prediction")
    return Accepted(ref_of(prediction.id, prediction.urls))


def message_of(reply: HttpReply) -> str:
    """A problem document in words; each wrong field by its name."""
    problem = reply.document() or {}
    fields = problem.get("invalid_fields")
    named = [_field(field) for field in fields if isinstance(field, dict)] if isinstance(fields, list) else []
    said = "; ".join(named) or problem.get("detail") or problem.get("title") or f"Replicate answered {reply.status}"
    return str(said).strip()[:MAX_MESSAGE]


def _field(field: dict[str, Any]) -> str:
    return f"{field.get('field', 'input')}: {field.get('description') or field.get('type')}"


def _wait(reply: HttpReply) -> timedelta | None:
    """Replicate has said it in four ways over the years."""
    problem = reply.document() or {}
    seconds = problem.get("retry_after")
    worded = _RESETS_IN.search(str(problem.get("detail", "")))
    if "retry-after" not in reply.headers:
        if isinstance(seconds, int | float) and seconds > 0:
            return timedelta(seconds=min(seconds, MAX_RETRY_AFTER.total_seconds()))
        if worded:
            return timedelta(seconds=int(worded[1]))
    return retry_after(reply.headers)
