"""A Midjourney job as TTAPI tells of it: read leniently, since its dialects differ, and mapped in one place."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard

import structlog

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.ttapi.parameters import ACTION

MAX_MESSAGE: Final = 2000  #: characters of a provider's error that an owner is shown

_PERCENT: Final = re.compile(r"\s*(\d{1,3}(?:\.\d+)?)\s*%?\s*")

_log = structlog.get_logger(__name__)


def job_id_in(envelope: Mapping[str, Any]) -> str | None:
    """By either of its spellings, at either of its places."""
    for part in (envelope, details_in(envelope)):
        for name in ("jobId", "job_id"):
            if isinstance(part.get(name), str) and part[name]:
                return str(part[name])
    return None


def details_in(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an answer says about the job; nothing, in many answers."""
    data = envelope.get("data")
    return data if isinstance(data, dict) else {}


def snapshot_of(envelope: dict[str, Any], *, job_id: str) -> Snapshot:
    """What an answer to a fetch means.

    One that names no job is about the question (no such job yet, a key that is refused), and no word about the job.
    """
    if job_id_in(envelope) != job_id:
        said = str(envelope.get("message") or "not found")
        return Snapshot(status=JobStatus.SUBMITTED, raw_status=said, final=False, definite=False, raw=envelope)
    word = str(envelope.get("status") or "")
    status = _status(word, job_id)
    return Snapshot(
        status=status,
        raw_status=word,
        final=status in {JobStatus.GENERATED, JobStatus.FAILED},
        unit_progress=_percent(details_in(envelope).get("progress")) if status is JobStatus.PROCESSING else None,
        error=_error(envelope) if status is JobStatus.FAILED else None,
        raw=envelope,
    )


def _status(word: str, job_id: str) -> JobStatus:
    match word:
        case "PENDING_QUEUE":
            return JobStatus.QUEUED
        case "ON_QUEUE":  # the name misleads: it is being drawn
            return JobStatus.PROCESSING
        case "SUCCESS":
            return JobStatus.GENERATED
        case "FAILED":
            return JobStatus.FAILED
        case unheard_of:
            _log.warning("unknown_status", provider="ttapi", id=job_id, raw_status=unheard_of)
            return JobStatus.PROCESSING


def _percent(progress: object) -> float | None:
    """`"46%"`, `"100"` and null have all been seen."""
    found = _PERCENT.fullmatch(progress) if isinstance(progress, str) else None
    return min(float(found[1]), 100.0) if found else None


def _error(envelope: Mapping[str, Any]) -> JobError:
    message = str(envelope.get("message") or "Midjourney gives no reason.")
    return JobError(code="provider_failed", message=message[:MAX_MESSAGE], stage=Stage.PROCESSING)


def sources_in(envelope: Mapping[str, Any]) -> list[OutputSource]:
    """The whole picture first (of an imagine: the grid of four), then the single ones: U1, U2, U3, U4."""
    links = dict.fromkeys(_links(details_in(envelope)))  # an upsampled picture may be named twice
    return [OutputSource(kind=OutputKind.IMAGE, url=link) for link in links]


def _links(details: Mapping[str, Any]) -> Iterator[str]:
    whole = [details.get(name) for name in ("cdnImage", "discordImage")]
    yield from [link for link in whole if _is_link(link)][:1]
    single = details.get("images")
    yield from [link for link in single if _is_link(link)] if isinstance(single, list) else []


def _is_link(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def actions_in(envelope: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of a finished job's components that we know how to ask for."""
    components = details_in(envelope).get("components")
    named = [name for name in components if isinstance(name, str)] if isinstance(components, list) else []
    return tuple(name for name in dict.fromkeys(named) if ACTION.fullmatch(name))
