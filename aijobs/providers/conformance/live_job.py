"""One real job at a vendor's address: what it costs is real too."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.submissions import Accepted, Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Snapshot, Task
from aijobs.domain.values.ids import new_id
from aijobs.providers.conformance.laboratory import NotConforming, in_words, model_of
from aijobs.providers.package import ProviderPackage, Specimen

USUAL_PAUSE: Final = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class LiveJob:
    """Where and what: `token` is the key, `model` and `params` are the specimen's where they are None.

    `settings` are those of the vendor's section that it needs besides.
    """

    url: str
    token: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    params: Mapping[str, Any] | None = None
    within: timedelta = timedelta(minutes=15)


@dataclass(frozen=True)
class LiveResults:
    """What a job has made, and the hosts that downloads may come from."""

    sources: list[OutputSource]
    hosts: tuple[str, ...]


async def live_job(package: ProviderPackage, job: LiveJob, tell: Callable[[str], None]) -> LiveResults:
    """Submit one job, and follow it to its results; each change is told. Raises NotConforming, and TimeoutError."""
    if package.specimen is None:
        raise ValueError(f"{package.vendor.label} has no specimen to take a job from.")
    settings = package.settings.model_validate({**job.settings, "token": job.token, "base_url": job.url})
    async with package.opened(settings) as provider, asyncio.timeout(job.within.total_seconds()):
        ref = await _submitted(provider, package.specimen, job)
        tell(f"accepted as {ref['id']}")
        last = await _watched(provider, ref, tell)
        if last.status is not JobStatus.GENERATED:
            raise NotConforming(f"it ended {last.status.name}: {last.error.message if last.error else last.raw_status}")
        sources = await provider.outputs(ref, last)
        if not sources:
            raise NotConforming("it ended without results")
        return LiveResults(sources, provider.download_hosts)


async def _submitted(provider: Provider, specimen: Specimen, job: LiveJob) -> Ref:
    model = model_of(replace(specimen, model=job.model or specimen.model))
    params = specimen.params if job.params is None else job.params
    provider.parameters(model).model_validate(params)
    token = new_id("sub")
    task = Task(job_code=new_id("job"), model=model, params=params, output_count=1, token=token, webhook_url=None)
    outcome = await provider.submit(provider.build_request(task))
    if not isinstance(outcome, Accepted):
        raise NotConforming(f"the job was not accepted: {in_words(outcome)}")
    return outcome.ref


async def _watched(provider: Provider, ref: Ref, tell: Callable[[str], None]) -> Snapshot:
    """The final snapshot. The job is paid for: an answer that says nothing is told, and asked for again."""
    told = ""
    while True:
        snapshot, pause = None, USUAL_PAUSE
        try:
            snapshot = await provider.query(ref)
            seen, pause = _in_words(snapshot), snapshot.poll_after or pause
        except ProviderUnavailable as unavailable:
            seen, pause = str(unavailable), unavailable.retry_after or pause
        if seen != told:
            tell(seen)
            told = seen
        if snapshot is not None and snapshot.final:
            return snapshot
        await asyncio.sleep(pause.total_seconds())


def _in_words(snapshot: Snapshot) -> str:
    unit = "" if snapshot.unit_progress is None else f", {snapshot.unit_progress:.0f} %"
    return f"{snapshot.status.name} ({snapshot.raw_status}){unit}"
