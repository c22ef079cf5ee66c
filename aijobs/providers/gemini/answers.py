"""What Google answers: an operation on its way and at its end, its videos, and errors."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from aijobs.adapters.network.http_client import MAX_RETRY_AFTER, HttpReply, retry_after
from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.submit_outcomes import MAX_MESSAGE, ErrorTable, SubmitDialect, SubmitVerdict

#: An operation's name, which becomes a part of a URL.
OPERATION: Final = re.compile(r"models/[\w.-]+/operations/[\w.-]+", re.ASCII)
DELAY: Final = re.compile(r"(\d{1,6})(?:\.\d+)?s")

ERRORS: Final = ErrorTable(codes={(400, "FAILED_PRECONDITION"): SubmitVerdict.BLOCKED})  # billing is not set up


def _error_in(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    error = answer.get("error")
    return error if isinstance(error, dict) else {}


def message_in(answer: Mapping[str, Any]) -> str | None:
    message = _error_in(answer).get("message")
    return message if isinstance(message, str) and message else None


def _code_in(answer: Mapping[str, Any]) -> str | None:
    status = _error_in(answer).get("status")
    return status if isinstance(status, str) else None


def _wait_in(reply: HttpReply) -> timedelta | None:
    """From Retry-After, or from the `retryDelay` (`34s`, `34.07s`) among the details of the error."""
    details = _error_in(reply.document() or {}).get("details")
    delays = (
        [str(one.get("retryDelay")) for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    )
    found = next(filter(None, map(DELAY.fullmatch, delays)), None)
    told = timedelta(seconds=int(found[1]) + 1) if found else None
    return retry_after(reply.headers) or (min(told, MAX_RETRY_AFTER) if told else None)


def _ref_in(answer: Mapping[str, Any]) -> Ref | None:
    name = answer.get("name")
    return {"id": name} if isinstance(name, str) and OPERATION.fullmatch(name) else None


DIALECT: Final = SubmitDialect(
    label="Google", ref_in=_ref_in, errors=ERRORS, code_in=_code_in, message_in=message_in, wait_in=_wait_in
)


def document_in(reply: HttpReply) -> dict[str, Any]:
    """Raises ProviderUnavailable for anything but a success with an object: nothing is known then."""
    document = reply.document()
    if not reply.ok or document is None:
        raise ProviderUnavailable(f"Google answered {reply.status}: {message_in(document or {}) or 'nothing readable'}")
    return document


def snapshot_of(operation: Mapping[str, Any]) -> Snapshot:
    """Of an operation, which has no word for its status. Raises ProviderUnavailable when it is none."""
    if _ref_in(operation) is None:
        raise ProviderUnavailable("Google gives an answer that cannot be read.")
    if operation.get("done") is not True:
        return Snapshot(status=JobStatus.PROCESSING, raw_status="running", final=False, raw=operation)
    reason = _failure_in(operation)
    if reason is None:
        return Snapshot(status=JobStatus.GENERATED, raw_status="done", final=True, raw=operation)
    error = JobError(code="provider_failed", message=reason[:MAX_MESSAGE], stage=Stage.PROCESSING)
    return Snapshot(status=JobStatus.FAILED, raw_status="failed", final=True, error=error, raw=operation)


def _failure_in(operation: Mapping[str, Any]) -> str | None:
    """Why an operation that is done has no video; None when it has one."""
    if operation.get("error"):
        return message_in(operation) or "Google gives no reason."
    if any(videos_in(operation)):
        return None
    reasons = _videos_response(operation).get("raiMediaFilteredReasons")
    told = [one for one in reasons if isinstance(one, str)] if isinstance(reasons, list) else []
    if told:
        return " ".join(told)
    filtered = _videos_response(operation).get("raiMediaFilteredCount")
    return "The video was held back by Google's filters." if filtered else "Google has made no video, and says no more."


def videos_in(operation: Mapping[str, Any]) -> Iterator[str]:
    """The address of each video."""
    samples = _videos_response(operation).get("generatedSamples")
    for sample in samples if isinstance(samples, list) else ():
        video = sample.get("video") if isinstance(sample, dict) else None
        uri = video.get("uri") if isinstance(video, dict) else None
        if isinstance(uri, str) and uri:
            yield uri


def _videos_response(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    response = operation.get("response")
    found = response.get("generateVideoResponse") if isinstance(response, dict) else None
    return found if isinstance(found, dict) else {}
