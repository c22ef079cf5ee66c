"""What TTAPI's answer to a submit means: accepted, rejected, or nobody knows."""

from typing import Any, Final

from aijobs.adapters.network.http_client import HttpReply, NoReply, NotSent, retry_after
from aijobs.domain.jobs.submissions import Accepted, Rejected, SubmitOutcome, Unknown
from aijobs.providers.ttapi.job import MAX_MESSAGE, job_id_in

#: Answers that surely mean: nothing was made, no quota is frozen, and the same request would fare no better.
#: TTAPI advises to send again after a 5xx. Nothing says that it was not taken: that would be paying twice.
REJECTING: Final = frozenset({400, 401, 402, 403, 404, 413, 415, 422})
THROTTLED: Final = 429
QUEUE_EXHAUSTED: Final = 499  #: of TTAPI's own making; some proxies use it for a client that has hung up


def outcome_of(answer: HttpReply | NotSent | NoReply) -> SubmitOutcome:
    match answer:
        case NotSent(reason):
            return Rejected("provider_unreachable", f"TTAPI cannot be reached: {reason}", may_retry=True)
        case NoReply(reason):
            return Unknown(f"no answer came back: {reason}")
        case HttpReply(ok=True):
            return _said(answer)
        case HttpReply(status=status) if status in REJECTING:
            return Rejected("provider_rejected", message_of(answer))
        case HttpReply(status=status) if status == THROTTLED or (status == QUEUE_EXHAUSTED and _is_an_envelope(answer)):
            return Rejected(
                "provider_throttled", message_of(answer), may_retry=True, retry_after=retry_after(answer.headers)
            )
        case HttpReply(status=status):
            return Unknown(f"TTAPI answered {status}")


def _said(reply: HttpReply) -> SubmitOutcome:
    """HTTP 200 says nothing: the envelope does. Its SUCCESS means that the job was taken, not that it is done."""
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


def _is_an_envelope(reply: HttpReply) -> bool:
    return isinstance((reply.document() or {}).get("status"), str)
