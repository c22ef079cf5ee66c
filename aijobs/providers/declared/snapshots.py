"""The answer to a question about a job, by a declaration."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import structlog

from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Charge, Snapshot
from aijobs.providers.declared.declaration import Declaration
from aijobs.providers.declared.paths import AnswerPath
from aijobs.providers.submit_outcomes import MAX_MESSAGE

_NUMBER: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*")

_log = structlog.get_logger(__name__)

NOT_FOUND: Final = Snapshot(status=JobStatus.SUBMITTED, raw_status="not found", final=False, definite=False)


def snapshot_of(declaration: Declaration, answer: dict[str, Any], *, job_id: str) -> Snapshot:
    """Raises ProviderUnavailable when the answer has no status: it says nothing about the job then."""
    word = declaration.query.status.text(answer)
    if word is None:
        raise ProviderUnavailable(f"{declaration.label} gives an answer without a status.")
    if word in declaration.statuses.not_found:
        return NOT_FOUND
    status = declaration.statuses.meaning(word)
    if status is None:
        _log.warning("unknown_status", provider=declaration.label, id=job_id, raw_status=word)
        status = JobStatus.PROCESSING
    query = declaration.query
    working = query.progress if status is JobStatus.PROCESSING else None
    return Snapshot(
        status=status,
        raw_status=word,
        final=not status.is_before(JobStatus.GENERATED),
        unit_progress=_percent(working, answer, query.progress_scale),
        queue_position=_whole(query.queue_position, answer),
        error=_error(declaration, answer, word, status),
        poll_after=query.at_most_every,
        charge=_charge(query.charge, answer, query.charge_unit),
        raw=answer,
    )


def _error(declaration: Declaration, answer: Mapping[str, Any], word: str, status: JobStatus) -> JobError | None:
    if status not in (JobStatus.FAILED, JobStatus.TIMEOUT):
        return None
    found = declaration.query.error.find(answer) if declaration.query.error else None
    told = found if isinstance(found, str) else None if found is None else str(found)
    code = "provider_failed" if status is JobStatus.FAILED else "provider_timeout"
    message = told or f"{declaration.label} says {word!r}, and nothing more."
    return JobError(code=code, message=message[:MAX_MESSAGE], stage=Stage.PROCESSING)


def _percent(path: AnswerPath | None, answer: Mapping[str, Any], scale: float) -> float | None:
    written = percent_written(path.find(answer), scale) if path else None
    return None if written is None else min(max(written, 0.0), 100.0)


def percent_written(found: object, scale: float) -> float | None:
    """A number times the scale, whatever its size; a text with a percent sign is what it says."""
    if isinstance(found, str) and (written := _NUMBER.fullmatch(found)):
        found, scale = float(written[1]), 1.0 if written[2] else scale
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return found * scale


def _whole(path: AnswerPath | None, answer: Mapping[str, Any]) -> int | None:
    found = path.find(answer) if path else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _charge(path: AnswerPath | None, answer: Mapping[str, Any], unit: str) -> Charge | None:
    amount = amount_written(path.find(answer)) if path else None
    return None if amount is None else Charge(amount=amount, unit=unit)


def amount_written(found: object) -> Decimal | None:
    """A number, or a text that is one."""
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        amount = Decimal(str(found))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
