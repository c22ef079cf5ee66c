"""The outcome of a submit at TTAPI: accepted, rejected, or unknown."""

from typing import Any, Final

from aijobs.adapters.network.http_client import HttpReply, NoReply, NotSent, retry_after
from aijobs.domain.jobs.submissions import Accepted, Rejected, SubmitOutcome, Unknown
from aijobs.providers.ttapi.job import MAX_MESSAGE, job_id_in

#: Statuses that mean for certain: no job was created, no quota is frozen, and a retry would fail as well.
#: TTAPI advises to send again after a 5xx, but does not guarantee that it was not accepted: a retry could pay twice.
REJECTING: Final = frozenset({400, 401, 402, 403, 404, 413, 415, 422})
THROTTLED: Final = 429
QUEUE_EXHAUSTED: Final = 499  #: defined by TTAPI; some proxies use it for a client that has disconnected


def outcome_of(reply: HttpReply | NotSent | NoReply) -> SubmitOutcome:
    match reply:
        case NotSent(reason):
            return Rejected("provider_unreachable", f"TTAPI cannot be reached: {reason}", may_retry=True)
        case NoReply(reason):
            return Unknown(f"no answer came back: {reason}")
        case HttpReply(ok=True):
            return _envelope_outcome(reply)
        case HttpReply(status=status) if status in REJECTING:
            return Rejected("provider_rejected", message_of(reply))
        case HttpReply(status=status) if status == THROTTLED or (status == QUEUE_EXHAUSTED and _has_envelope(reply)):
            return Rejected(
                "provider_throttled", message_of(reply), may_retry=True, retry_after=retry_after(reply.headers)
            )
        case HttpReply(status=status):
            return Unknown(f"TTAPI answered {status}")


def _envelope_outcome(reply: HttpReply) -> SubmitOutcome:
    """The outcome is in the envelope, not in HTTP 200. SUCCESS means that the job was accepted, not that it is done."""
    envelope = reply.document() or {}
    job_id = job_id_in(envelope)
    match envelope.get("status"):
        case "SUCCESS" if job_id:
            return Accepted({"id": job_id})
        case "FAILED":
            return Rejected("provider_rejected", message_of(reply))
        case _:
            return Unknown(f"TTAPI answered {reply.status} without a job that could be read")


def message_of(reply: HttpReply) -> str:
    envelope: dict[str, Any] = reply.document() or {}
    return str(envelope.get("message") or f"TTAPI answered {reply.status}").strip()[:MAX_MESSAGE]


def _has_envelope(reply: HttpReply) -> bool:
    return isinstance((reply.document() or {}).get("status"), str)
