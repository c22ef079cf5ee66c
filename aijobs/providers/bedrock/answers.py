"""What Bedrock answers: an invocation on its way and at its end, a list of them, and errors."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import structlog

from aijobs.adapters.network.http_client import HttpReply, NoReply, NotSent
from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.submit_outcomes import MAX_MESSAGE, ErrorTable, SubmitDialect, SubmitVerdict

CODE: Final = "__type"
CODE_HEADER: Final = "x-amzn-errortype"

_ACCESS_DENIED: Final = "AccessDeniedException"
_ACCOUNT_DENIED: Final = f"{_ACCESS_DENIED} of the account"
#: Access is denied to a single model, as a rule, and other models work on. These say that the account gets none.
_OF_THE_ACCOUNT: Final = ("INVALID_PAYMENT_INSTRUMENT", "account is not authorized")

#: By the names of Bedrock's errors, since its statuses mislead: 400 stands for "later" and for "perhaps made" too, and
#: 403 for a wrong key and for a model that the account has no access to.
ERRORS: Final = ErrorTable(
    codes={
        (None, "ServiceQuotaExceededException"): SubmitVerdict.LATER,
        (None, "ThrottlingException"): SubmitVerdict.LATER,
        (None, _ACCOUNT_DENIED): SubmitVerdict.BLOCKED,
        (None, "ConflictException"): SubmitVerdict.UNKNOWN,  # the token was used: by what we have sent before
    },
)

_log = structlog.get_logger(__name__)


def with_code(reply: HttpReply | NotSent | NoReply) -> HttpReply | NotSent | NoReply:
    """The name of an error is in a header; `ValidationException:http://…` is put into the body without the link."""
    if not isinstance(reply, HttpReply) or reply.ok or CODE_HEADER not in reply.headers:
        return reply
    code = reply.headers[CODE_HEADER].partition(":")[0]
    return replace(reply, body=json.dumps({**(reply.document() or {}), CODE: code}).encode())


def _code_in(answer: Mapping[str, Any]) -> str | None:
    """`ValidationException`, or `com.amazonaws.bedrock#ValidationException`."""
    code = answer.get(CODE)
    if not isinstance(code, str):
        return None
    name, message = code.rpartition("#")[2], message_in(answer) or ""
    is_account = name == _ACCESS_DENIED and any(words in message for words in _OF_THE_ACCOUNT)
    return _ACCOUNT_DENIED if is_account else name


def message_in(answer: Mapping[str, Any]) -> str | None:
    found = (answer.get(name) for name in ("message", "Message"))
    return next((text for text in found if isinstance(text, str) and text), None)


def ref_in(answer: Mapping[str, Any]) -> Ref | None:
    arn = answer.get("invocationArn")
    return {"id": arn} if isinstance(arn, str) and arn else None


DIALECT: Final = SubmitDialect(label="Bedrock", ref_in=ref_in, errors=ERRORS, code_in=_code_in, message_in=message_in)


def document_in(reply: HttpReply) -> dict[str, Any]:
    """Raises ProviderUnavailable for anything but a success with an object: nothing is known then."""
    document = reply.document()
    if not reply.ok or document is None:
        raise ProviderUnavailable(
            f"Bedrock answered {reply.status}: {message_in(document or {}) or 'nothing readable'}"
        )
    return document


def snapshot_of(invocation: Mapping[str, Any]) -> Snapshot:
    """Raises ProviderUnavailable when it says nothing about an invocation."""
    word = invocation.get("status")
    if not isinstance(word, str) or ref_in(invocation) is None:
        raise ProviderUnavailable("Bedrock gives an answer that cannot be read.")
    status, final, error = _interpret(word, invocation)
    return Snapshot(status=status, raw_status=word, final=final, error=error, raw=invocation)


def _interpret(word: str, invocation: Mapping[str, Any]) -> tuple[JobStatus, bool, JobError | None]:
    match word:
        case "InProgress":
            return JobStatus.PROCESSING, False, None
        case "Completed":
            return JobStatus.GENERATED, True, None
        case "Failed":
            reason = invocation.get("failureMessage") or "Bedrock gives no reason."
            message = str(reason)[:MAX_MESSAGE]
            return JobStatus.FAILED, True, JobError(code="provider_failed", message=message, stage=Stage.PROCESSING)
        case _:
            _log.warning("unknown_status", provider="bedrock", id=invocation.get("invocationArn"), raw_status=word)
            return JobStatus.PROCESSING, False, None


def results_uri_in(invocation: Mapping[str, Any]) -> str | None:
    """Where the results are: `s3://bucket/…`."""
    place: Any = invocation
    for name in ("outputDataConfig", "s3OutputDataConfig", "s3Uri"):
        place = place.get(name) if isinstance(place, Mapping) else None
    return place if isinstance(place, str) else None


def invocations_in(page: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Raises ProviderUnavailable when it is no list of invocations."""
    listed = page.get("asyncInvokeSummaries")
    if not isinstance(listed, list):
        raise ProviderUnavailable("Bedrock gives a list that cannot be read.")
    return [one for one in listed if isinstance(one, Mapping)]
