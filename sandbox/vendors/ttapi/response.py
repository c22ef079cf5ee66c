"""A job as JSON: the body of fetch responses and of webhooks, and the different format of list items."""

from typing import Any

from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.ids_and_links import Links
from sandbox.vendors.ttapi.job import MidjourneyJob, MidjourneyStatus


def document_of(job: MidjourneyJob, *, faults: Faults, links: Links, expires_ns: int) -> dict[str, Any]:
    """`message` is null while the job runs; `progress` is null, a string with a percent sign, or `"100"` at the end."""
    pictures = _pictures(job, faults, links, expires_ns)
    data: dict[str, Any] = {
        "action": job.action,
        "jobId": job.id,
        "progress": _progress(job),
        "prompt": job.prompt,
        "quota": str(job.price),
        "discordImage": pictures[0] if pictures else None,
        "cdnImage": pictures[0] if pictures else None,
        "width": job.width or None,
        "height": job.height or None,
        "hookUrl": job.hook_url,
        "components": list(job.components),
        "seed": None,
        "images": pictures[1:] if job.single_images else [],
    }
    status = job.status.name
    if Fault.UNKNOWN_STATUS in faults and not job.status.is_final:
        status = faults.text(Fault.UNKNOWN_STATUS)
    if Fault.MISSING_KEYS in faults:
        data = {key: data[key] for key in ("jobId", "cdnImage", "images")}
    message = {MidjourneyStatus.SUCCESS: "", MidjourneyStatus.FAILED: job.message}.get(job.status)
    return {"status": status, "message": message, "jobId": job.id, "data": data}


def list_item(job: MidjourneyJob, *, links: Links, expires_ns: int) -> dict[str, Any]:
    """Snake case, and a number for the status. No hookUrl, no time."""
    picture = (
        links.to(job.id, job.picture_names[0], expires_ns=expires_ns)
        if job.status is MidjourneyStatus.SUCCESS
        else None
    )
    return {
        "job_id": job.id,
        "model": job.mode,
        "action": job.action,
        "quota": job.price,
        "status": int(job.status),
        "progress": _progress(job),
        "prompt": job.prompt,
        "discord_image": picture,
        "cdn_image": picture,
    }


def _progress(job: MidjourneyJob) -> str | None:
    if job.progress is None:
        return None
    return "100" if job.status is MidjourneyStatus.SUCCESS else f"{job.progress}%"


def _pictures(job: MidjourneyJob, faults: Faults, links: Links, expires_ns: int) -> list[str]:
    if job.status is not MidjourneyStatus.SUCCESS or Fault.ZERO_OUTPUTS in faults:
        return []
    if Fault.OUTPUT_AT in faults:
        return [faults.text(Fault.OUTPUT_AT)]
    return [links.to(job.id, name, expires_ns=expires_ns) for name in job.picture_names]
