"""The answer to a create at TTAPI: an envelope, whose status counts besides HTTP's."""

from collections.abc import Mapping
from typing import Any, Final

from aijobs.domain.jobs.submissions import Ref
from aijobs.providers.submit_outcomes import ErrorTable, SubmitDialect, SubmitVerdict
from aijobs.providers.ttapi.job import job_id_in

FAILED: Final = "FAILED"
QUEUE_EXHAUSTED: Final = 499  #: in TTAPI's own envelope; some proxies use it for a client that has disconnected

#: A FAILED that comes with HTTP 200 made no job, and froze no quota. TTAPI advises to send again after a 5xx, but does
#: not guarantee that it was not accepted: a retry could pay twice.
ERRORS: Final = ErrorTable(
    codes={
        **{(status, FAILED): SubmitVerdict.REJECTED for status in range(200, 300)},
        (QUEUE_EXHAUSTED, FAILED): SubmitVerdict.LATER,
    }
)


def _ref_in(envelope: Mapping[str, Any]) -> Ref | None:
    """SUCCESS means that the job was accepted, not that it is done."""
    job_id = job_id_in(envelope)
    return {"id": job_id} if job_id and envelope.get("status") == "SUCCESS" else None


def _status_in(envelope: Mapping[str, Any]) -> str | None:
    status = envelope.get("status")
    return status if isinstance(status, str) else None


def _message_in(envelope: Mapping[str, Any]) -> str | None:
    message = envelope.get("message")
    return str(message) if message else None


DIALECT: Final = SubmitDialect(label="TTAPI", ref_in=_ref_in, errors=ERRORS, code_in=_status_in, message_in=_message_in)
