"""What OpenAI answers: a response on its way and at its end, its outputs, and errors."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

import structlog

from aijobs.domain.errors import ProviderFailed
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.submit_outcomes import MAX_MESSAGE, USUAL_STATUSES, ErrorTable, SubmitDialect, SubmitVerdict

#: 429 stands for too many requests, and for an account without credit, whom no waiting helps.
ERRORS: Final = ErrorTable(
    statuses=USUAL_STATUSES,
    codes={
        (429, "insufficient_quota"): SubmitVerdict.BLOCKED,
        (429, "billing_hard_limit_reached"): SubmitVerdict.BLOCKED,
    },
)

_IMAGE_CALL: Final = "image_generation_call"
_log = structlog.get_logger(__name__)


def _error_in(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    error = answer.get("error")
    return error if isinstance(error, dict) else {}


def message_in(answer: Mapping[str, Any]) -> str | None:
    message = _error_in(answer).get("message")
    return message if isinstance(message, str) and message else None


def code_in(answer: Mapping[str, Any]) -> str | None:
    code = _error_in(answer).get("code")
    return code if isinstance(code, str) else None


def _ref_in(answer: Mapping[str, Any]) -> Ref | None:
    response_id = answer.get("id")
    return {"id": response_id} if isinstance(response_id, str) and response_id else None


DIALECT: Final = SubmitDialect(label="OpenAI", ref_in=_ref_in, errors=ERRORS, code_in=code_in, message_in=message_in)


def snapshot_of(response: Mapping[str, Any]) -> Snapshot:
    """Of a response object. What is kept of it has no pictures in it."""
    status, final, error = _interpret(response)
    return Snapshot(
        status=status,
        raw_status=str(response.get("status") or ""),
        final=final,
        error=error,
        raw=without_pictures(response),
    )


def _interpret(response: Mapping[str, Any]) -> tuple[JobStatus, bool, JobError | None]:
    match response.get("status"):
        case "queued":
            return JobStatus.QUEUED, False, None
        case "in_progress":
            return JobStatus.PROCESSING, False, None
        case "completed" if refusal := _refusal_in(response):
            return JobStatus.FAILED, True, _failure("provider_failed", refusal)
        case "completed":
            return JobStatus.GENERATED, True, None
        case "failed":
            return (
                JobStatus.FAILED,
                True,
                _failure("provider_failed", message_in(response) or "OpenAI gives no reason."),
            )
        case "incomplete":
            details = response.get("incomplete_details")
            reason = details.get("reason") if isinstance(details, dict) else None
            return JobStatus.FAILED, True, _failure("provider_failed", f"The answer is incomplete: {reason}.")
        case "cancelled":
            return JobStatus.CANCELED, True, None
        case unknown:
            _log.warning("unknown_status", provider="openai", id=response.get("id"), raw_status=unknown)
            return JobStatus.PROCESSING, False, None


def _failure(code: str, message: str) -> JobError:
    return JobError(code=code, message=message[:MAX_MESSAGE], stage=Stage.PROCESSING)


def items_in(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The items of a response (`output`), or of a conversation (`data`)."""
    items = document.get("output", document.get("data"))
    yield from (item for item in (items if isinstance(items, list) else ()) if isinstance(item, dict))


def _parts_in(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in items_in(document):
        content = item.get("content")
        if item.get("type") == "message" and item.get("role") == "assistant" and isinstance(content, list):
            yield from (part for part in content if isinstance(part, dict))


def _refusal_in(response: Mapping[str, Any]) -> str | None:
    found = (part.get("refusal") for part in _parts_in(response) if part.get("type") == "refusal")
    return next((text for text in found if isinstance(text, str)), None)


def sources_in(document: Mapping[str, Any], *, as_json: bool) -> list[OutputSource]:
    """The pictures, or else the text. Raises ProviderFailed for a picture that cannot be read."""
    pictures = [item["result"] for item in items_in(document) if _has_picture(item)]
    if pictures:
        return [OutputSource(kind=OutputKind.IMAGE, content=_decoded(one)) for one in pictures]
    text = "".join(str(part.get("text") or "") for part in _parts_in(document) if part.get("type") == "output_text")
    kind = OutputKind.JSON if as_json else OutputKind.TEXT
    return [OutputSource(kind=kind, content=text.encode())] if text else []


def _has_picture(item: Mapping[str, Any]) -> bool:
    return item.get("type") == _IMAGE_CALL and isinstance(item.get("result"), str) and bool(item["result"])


def _decoded(written: str) -> bytes:
    try:
        return base64.b64decode(written, validate=True)
    except ValueError as unreadable:
        raise ProviderFailed("OpenAI gives a picture that cannot be read.") from unreadable


def without_pictures(response: Mapping[str, Any]) -> dict[str, Any]:
    """The response with the size of each picture instead of its megabytes."""
    kept = dict(response)
    if isinstance(kept.get("output"), list):
        kept["output"] = [
            {**item, "result": f"{len(item['result'])} characters"} if _has_picture(item) else item
            for item in kept["output"]
            if isinstance(item, dict)
        ]
    return kept
