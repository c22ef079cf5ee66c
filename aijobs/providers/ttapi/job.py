"""Midjourney jobs in TTAPI's responses: parsed leniently, since the formats differ, and mapped to our statuses."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard

import structlog

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.providers.submit_outcomes import MAX_MESSAGE
from aijobs.providers.ttapi.parameters import ACTION

_PERCENT: Final = re.compile(r"\s*(\d{1,3}(?:\.\d+)?)\s*%?\s*")

_log = structlog.get_logger(__name__)


def job_id_in(envelope: Mapping[str, Any]) -> str | None:
    """The id, in either spelling, of the envelope or of its data; else None."""
    for part in (envelope, details_in(envelope)):
        for name in ("jobId", "job_id"):
            if isinstance(part.get(name), str) and part[name]:
                return str(part[name])
    return None


def details_in(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data of an envelope; empty when there is none."""
    data = envelope.get("data")
    return data if isinstance(data, dict) else {}


def snapshot_of(envelope: dict[str, Any], *, job_id: str) -> Snapshot:
    """The snapshot for the response to a fetch.

    Without the job's id it is an error of the request (unknown job, refused key), and tells nothing about the job.
    """
    if job_id_in(envelope) != job_id:
        message = str(envelope.get("message") or "not found")
        return Snapshot(status=JobStatus.SUBMITTED, raw_status=message, final=False, definite=False, raw=envelope)
    raw_status = str(envelope.get("status") or "")
    status = _status(raw_status, job_id)
    return Snapshot(
        status=status,
        raw_status=raw_status,
        final=status in {JobStatus.GENERATED, JobStatus.FAILED},
        unit_progress=_percent(details_in(envelope).get("progress")) if status is JobStatus.PROCESSING else None,
        error=_error(envelope) if status is JobStatus.FAILED else None,
        raw=envelope,
    )


def _status(raw_status: str, job_id: str) -> JobStatus:
    match raw_status:
        case "PENDING_QUEUE":
            return JobStatus.QUEUED
        case "ON_QUEUE":  # despite its name: it is being drawn
            return JobStatus.PROCESSING
        case "SUCCESS":
            return JobStatus.GENERATED
        case "FAILED":
            return JobStatus.FAILED
        case unknown:
            _log.warning("unknown_status", provider="ttapi", id=job_id, raw_status=unknown)
            return JobStatus.PROCESSING


def _percent(progress: object) -> float | None:
    """Seen values are `"46%"`, `"100"` and null."""
    found = _PERCENT.fullmatch(progress) if isinstance(progress, str) else None
    return min(float(found[1]), 100.0) if found else None


def _error(envelope: Mapping[str, Any]) -> JobError:
    message = str(envelope.get("message") or "Midjourney gives no reason.")
    return JobError(code="provider_failed", message=message[:MAX_MESSAGE], stage=Stage.PROCESSING)


def sources_in(envelope: Mapping[str, Any]) -> list[OutputSource]:
    """The whole picture first (of an imagine: the grid of four), then the single ones: U1, U2, U3, U4."""
    links = dict.fromkeys(_links(details_in(envelope)))  # an upsampled picture may be listed twice
    return [OutputSource(kind=OutputKind.IMAGE, url=link) for link in links]


def _links(details: Mapping[str, Any]) -> Iterator[str]:
    whole_images = [details.get(name) for name in ("cdnImage", "discordImage")]
    yield from [link for link in whole_images if _is_link(link)][:1]
    single_images = details.get("images")
    yield from [link for link in single_images if _is_link(link)] if isinstance(single_images, list) else []


def _is_link(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


def actions_in(envelope: Mapping[str, Any]) -> tuple[str, ...]:
    """The actions that a finished job offers and that we support."""
    components = details_in(envelope).get("components")
    named = [name for name in components if isinstance(name, str)] if isinstance(components, list) else []
    return tuple(name for name in dict.fromkeys(named) if ACTION.fullmatch(name))
