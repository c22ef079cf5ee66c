"""What fal answers: to a submit, about a request's status, and with its result."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import structlog

from aijobs.adapters.network.http_client import HttpReply
from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.submit_outcomes import MAX_MESSAGE, ErrorTable, SubmitDialect, SubmitVerdict

#: Why fal gave up on a request, where that says that a deadline passed.
TIMEOUTS: Final = frozenset({"request_timeout", "startup_timeout"})
CANCELED: Final = "client_cancelled"
LOCKED: Final = "User is locked"  #: how the text of a 403 begins for an account without credit, or one that fal stopped
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
FIRST_ERROR: Final = 400

ERRORS: Final = ErrorTable(codes={(FORBIDDEN, LOCKED): SubmitVerdict.BLOCKED})

_KIND_OF_FAMILY: Final = {"image": OutputKind.IMAGE, "video": OutputKind.VIDEO, "audio": OutputKind.AUDIO}

_log = structlog.get_logger(__name__)


def dialect(ref_of: Any) -> SubmitDialect:
    """`ref_of` makes a reference of an answer's document."""
    return SubmitDialect(label="fal", ref_in=ref_of, errors=ERRORS, code_in=_code_in, message_in=message_in)


def _code_in(answer: Mapping[str, Any]) -> str | None:
    return LOCKED if (message_in(answer) or "").startswith(LOCKED) else None


def is_of_a_locked_account(reply: HttpReply) -> bool:
    return reply.status == FORBIDDEN and _code_in(reply.document() or {}) == LOCKED


def message_in(answer: Mapping[str, Any]) -> str | None:
    """The message of an error: a text, or one line for each wrong field."""
    detail = answer.get("detail") or answer.get("error")
    if isinstance(detail, list):
        return "; ".join(_field(one) for one in detail if isinstance(one, dict)) or None
    return detail if isinstance(detail, str) and detail else None


def _field(error: Mapping[str, Any]) -> str:
    where = error.get("loc")
    name = ".".join(str(part) for part in where if part != "body") if isinstance(where, list) else "input"
    return f"{name}: {error.get('msg') or error.get('type')}"


def waiting_snapshot(document: Mapping[str, Any], ref: Ref) -> Snapshot | None:
    """The snapshot of a request that has not finished, or that has finished badly; None when its result tells."""
    raw, raw_status = dict(document), str(document.get("status") or "")
    position = document.get("queue_position")
    match raw_status:
        case "IN_QUEUE":
            at = position if isinstance(position, int) else None
            return Snapshot(status=JobStatus.QUEUED, raw_status=raw_status, final=False, queue_position=at, raw=raw)
        case "IN_PROGRESS":
            return Snapshot(status=JobStatus.PROCESSING, raw_status=raw_status, final=False, raw=raw)
        case "COMPLETED" if document.get("error") or document.get("error_type"):
            return _ended_badly(raw, message_in(document), document.get("error_type"))
        case "COMPLETED":
            return None
        case unknown:
            _log.warning("unknown_status", provider="fal", id=ref.get("id"), raw_status=unknown)
            return Snapshot(status=JobStatus.PROCESSING, raw_status=raw_status, final=False, raw=raw)


def result_snapshot(reply: HttpReply) -> Snapshot:
    """Of the answer with a finished request's result, which is where a failure may first be seen.

    Raises ProviderUnavailable for an answer that is not of the model: it proves neither.
    """
    document = reply.document()
    is_about_us = reply.status == UNAUTHORIZED or is_of_a_locked_account(reply)
    if document is None or is_about_us or not (reply.ok or reply.status >= FIRST_ERROR):
        raise ProviderUnavailable(f"fal answered {reply.status}: {message_in(document or {}) or 'nothing readable'}")
    if reply.ok:
        return Snapshot(status=JobStatus.GENERATED, raw_status="COMPLETED", final=True, raw=document)
    message = message_in(document) or f"fal answered {reply.status}"
    return _ended_badly(document, message, document.get("error_type"))


def _ended_badly(raw: Mapping[str, Any], message: str | None, error_type: object) -> Snapshot:
    text = (message or "fal gives no reason.")[:MAX_MESSAGE]
    if error_type == CANCELED:
        return Snapshot(status=JobStatus.CANCELED, raw_status="COMPLETED", final=True, raw=raw)
    if error_type in TIMEOUTS:
        error = JobError(code="provider_timeout", message=text, stage=Stage.QUEUE)
        return Snapshot(status=JobStatus.TIMEOUT, raw_status="COMPLETED", final=True, error=error, raw=raw)
    error = JobError(code="provider_failed", message=text, stage=Stage.PROCESSING)
    return Snapshot(status=JobStatus.FAILED, raw_status="COMPLETED", final=True, error=error, raw=raw)


def sources_in(result: Mapping[str, Any]) -> list[OutputSource]:
    """Every file of a result, in its order; a result without files is one of JSON, or of text."""
    files = list(_files(result))
    if files:
        return [OutputSource(kind=_kind(file), url=file["url"]) for file in files]
    if not result:
        return []
    words = result.get("output") or result.get("text")
    if isinstance(words, str):
        return [OutputSource(kind=OutputKind.TEXT, content=words.encode())]
    return [OutputSource(kind=OutputKind.JSON, content=json.dumps(result, ensure_ascii=False).encode())]


def _files(part: object) -> Iterator[Mapping[str, Any]]:
    """Objects with a link, which is how fal writes a file."""
    if isinstance(part, dict):
        if isinstance(part.get("url"), str) and part["url"].startswith(("https://", "http://")):
            yield part
            return
        for inner in part.values():
            yield from _files(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _files(inner)


def _kind(file: Mapping[str, Any]) -> OutputKind:
    family = str(file.get("content_type") or "").partition("/")[0]
    return _KIND_OF_FAMILY.get(family, OutputKind.OTHER)


LONGEST_START: Final = timedelta(hours=24)
