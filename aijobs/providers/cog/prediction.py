"""A cog server's documents: a prediction, its health, its schema, and its answer to a create."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import structlog

from aijobs.adapters.network.http_client import HttpReply
from aijobs.domain.errors import BadInput, ProviderUnavailable
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import ModelDescription, Snapshot
from aijobs.providers.predictors import input_schema, output_kind, schemas_in, without_data
from aijobs.providers.submit_outcomes import MAX_MESSAGE, ErrorTable, SubmitDialect, SubmitVerdict

NO_VERSION: Final = "latest"  #: a server says nothing of its model's version
LONGEST_RUN: Final = timedelta(hours=1)
RESTART_MARGIN: Final = timedelta(seconds=5)  #: the header Date has whole seconds
BROKEN: Final = frozenset({"SETUP_FAILED", "DEFUNCT"})

#: Busy, and still loading its model: a server has no queue. Only in cog's own words, since a gateway has these too.
ERRORS: Final = ErrorTable(codes={(409, "failed"): SubmitVerdict.LATER, (503, "failed"): SubmitVerdict.LATER})

NOTHING_TOLD: Final = Snapshot(status=JobStatus.SUBMITTED, raw_status="accepted", final=False)
LOST: Final = Snapshot(
    status=JobStatus.FAILED,
    raw_status="lost",
    final=True,
    error=JobError(
        code="provider_failed",
        message="The cog server has been started anew since, and its prediction is lost.",
        stage=Stage.PROCESSING,
    ),
)

_log = structlog.get_logger(__name__)


def dialect(ref: Ref) -> SubmitDialect:
    """`ref` is that of the request: an answer with any other id is none."""

    def ref_in(answer: Mapping[str, Any]) -> Ref | None:
        return ref if answer.get("id") == ref["id"] else None

    return SubmitDialect(label="The cog server", ref_in=ref_in, errors=ERRORS, code_in=_code_in, message_in=_message_in)


def _code_in(answer: Mapping[str, Any]) -> str | None:
    status = answer.get("status")
    return status if isinstance(answer.get("error"), str) and isinstance(status, str) else None


def _message_in(answer: Mapping[str, Any]) -> str | None:
    """The error, or the details of a 422: what is wrong at which place."""
    details = answer.get("detail")
    if isinstance(details, list):
        return "; ".join(_detail(one) for one in details if isinstance(one, dict)) or None
    message = answer.get("error") or details
    return message if isinstance(message, str) else None


def _detail(detail: Mapping[str, Any]) -> str:
    place = detail.get("loc")
    return f"{'.'.join(map(str, place[1:])) if isinstance(place, list) else 'input'}: {detail.get('msg')}"


def prediction_in(body: bytes) -> dict[str, Any]:
    """Of a webhook. Raises BadInput."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as unreadable:
        raise BadInput("The webhook's body is not JSON.") from unreadable
    if not isinstance(document, dict):
        raise BadInput("The webhook's body is not a prediction.")
    return document


def snapshot_of(prediction: Mapping[str, Any]) -> Snapshot:
    """What a webhook has told. What is kept of it in the job has no files in it."""
    status, final = _interpret(prediction)
    return Snapshot(
        status=status,
        raw_status=str(prediction.get("status") or ""),
        final=final,
        error=_error(prediction) if status is JobStatus.FAILED else None,
        raw={**prediction, "output": without_data(prediction.get("output")), "logs": _last_of(prediction.get("logs"))},
    )


def _interpret(prediction: Mapping[str, Any]) -> tuple[JobStatus, bool]:
    match prediction.get("status"):
        case "starting":
            return JobStatus.QUEUED, False
        case "processing":
            return JobStatus.PROCESSING, False
        case "succeeded":
            return JobStatus.GENERATED, True
        case "failed":
            return JobStatus.FAILED, True
        case "canceled":
            return JobStatus.CANCELED, True
        case unknown:
            _log.warning("unknown_status", provider="cog", id=prediction.get("id"), raw_status=unknown)
            return JobStatus.PROCESSING, False


def _last_of(logs: object) -> str:
    return logs[-MAX_MESSAGE:] if isinstance(logs, str) else ""


def _error(prediction: Mapping[str, Any]) -> JobError:
    message = str(prediction.get("error") or "The cog server gives no reason.")
    return JobError(code="provider_failed", message=message[:MAX_MESSAGE], stage=Stage.PROCESSING)


def has_restarted(health: HttpReply, ref: Ref) -> bool:
    """Whether a server has been started since it accepted a prediction, by its own clock. Then it has forgotten it.

    Raises ProviderUnavailable for an answer that is no cog server's.
    """
    setup = (health.document() or {}).get("setup")
    try:
        started_at = datetime.fromisoformat(str(setup["started_at"])) if isinstance(setup, dict) else None
        asked_at = parsedate_to_datetime(health.headers.get("date", ""))
        runs_for = asked_at - started_at if started_at is not None else None
    except (KeyError, ValueError, TypeError):
        runs_for = None
    if runs_for is None:
        raise ProviderUnavailable("The cog server's answer about its health cannot be read.")
    accepted_at = datetime.fromisoformat(ref["since"])
    return datetime.now(accepted_at.tzinfo) - runs_for > accepted_at + RESTART_MARGIN


def setup_error(body: bytes) -> str | None:
    """What is wrong with a server, by its health."""
    try:
        health = json.loads(body)
        status = health["status"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it does not speak as a cog server does"
    return f"the server is {status}: see its logs" if status in BROKEN else None


def described(name: str, openapi: Mapping[str, Any] | None) -> ModelDescription:
    """Raises BadInput for a document without the model's parameters."""
    schemas = schemas_in(openapi)
    if not schemas:
        raise BadInput(f"The server of {name} publishes no schema of its parameters.")
    kind = output_kind(schemas)
    return ModelDescription(
        model=name,
        model_version=NO_VERSION,
        title=name,
        description=f"{name}, on a cog server",
        platform="Cog",
        type="text" if kind.value == "json" else kind.value,
        output_kind=kind,
        input_schema=input_schema(schemas),
        processing=LONGEST_RUN,
    )
