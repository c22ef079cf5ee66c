"""A prediction, Replicate's record of one run of a model, and its mapping to our statuses.

Recorded answers disagree with Replicate's own specification: keys are missing, null or of another type, timestamps
carry 3 to 9 digits. So only the `id` is required, and an invalid value counts as absent.
"""

import json
import re
from typing import Annotated, Any, Final, TypeVar

import structlog
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.submit_outcomes import MAX_MESSAGE

LOG_TAIL: Final = 10_000  #: characters of the logs that are searched for progress

#: A progress line of tqdm, with the pattern of Replicate's own clients.
_PROGRESS: Final = re.compile(r"\s*(?P<percentage>\d+)%\s*\|.+?\|\s*\d+/\d+")

#: What Replicate says when it has taken a prediction off its machine: it is to be made again.
_INTERRUPTED: Final = re.compile(r"\binterrupted\b.{0,40}\bplease retry\b", re.IGNORECASE)

_log = structlog.get_logger(__name__)


def _none_if_invalid(value: object, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


T = TypeVar("T")
Lenient = Annotated[T | None, WrapValidator(_none_if_invalid)]


class Prediction(BaseModel):
    """The fields of a prediction that we use."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(min_length=1)
    status: Lenient[str] = None
    input: Lenient[dict[str, Any]] = None
    output: Any = None
    data_removed: Lenient[bool] = None
    error: Any = None
    logs: Lenient[str] = None
    urls: Lenient[dict[str, Any]] = None
    webhook: Lenient[str] = None
    source: Lenient[str] = None
    created_at: Lenient[AwareDatetime] = None
    completed_at: Lenient[AwareDatetime] = None
    deadline: Lenient[AwareDatetime] = None


def prediction_in(document: object) -> Prediction | None:
    """Parse a prediction. None when the document has no valid id."""
    try:
        return Prediction.model_validate(document)
    except ValidationError:
        return None


def snapshot_of(prediction: Prediction, raw: dict[str, Any]) -> Snapshot:
    """The snapshot of a prediction. An unknown status is neither success nor failure: it counts as still running."""
    status, final, error = _interpret(prediction)
    return Snapshot(
        status=status,
        raw_status=prediction.status or "",
        final=final,
        unit_progress=unit_progress(prediction.logs or "") if status is JobStatus.PROCESSING else None,
        error=error,
        nothing_made=status is JobStatus.FAILED and bool(_INTERRUPTED.search(_error_text(prediction.error))),
        finished_at=prediction.completed_at if final else None,
        raw=raw,
    )


def _interpret(prediction: Prediction) -> tuple[JobStatus, bool, JobError | None]:
    match prediction.status:
        case "starting":
            return JobStatus.QUEUED, False, None
        case "processing":  # also with an output: blocking creates return it before the end
            return JobStatus.PROCESSING, False, None
        case "succeeded":
            return JobStatus.GENERATED, True, None
        case "failed":
            return JobStatus.FAILED, True, _error("provider_failed", _error_text(prediction.error), Stage.PROCESSING)
        case "canceled" if _reached_deadline(prediction):
            stopped = "Replicate stopped it at its deadline."
            return JobStatus.TIMEOUT, True, _error("provider_timeout", stopped, Stage.PROCESSING)
        case "canceled":
            return JobStatus.CANCELED, True, None
        case "aborted":
            not_started = "Replicate did not begin before the deadline."
            return JobStatus.TIMEOUT, True, _error("provider_timeout", not_started, Stage.QUEUE)
        case unknown:
            _log.warning("unknown_status", provider="replicate", id=prediction.id, raw_status=unknown)
            return JobStatus.PROCESSING, False, None


def _reached_deadline(prediction: Prediction) -> bool:
    deadline, completed = prediction.deadline, prediction.completed_at
    return deadline is not None and completed is not None and deadline <= completed


def _error(code: str, message: str, stage: Stage) -> JobError:
    return JobError(code=code, message=message[:MAX_MESSAGE], stage=stage)


def _error_text(error: object) -> str:
    """A string by the specification; other types have been seen."""
    if error is None or error == "":
        return "Replicate gives no reason."
    return error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)


def unit_progress(logs: str) -> float | None:
    """Percent done, from the last progress bar in the logs, if there is one; Replicate has no field for it."""
    for line in reversed(logs[-LOG_TAIL:].splitlines()):
        if found := _PROGRESS.match(line):
            return min(float(found["percentage"]), 100.0)
    return None
