"""Moving a job's outputs from its provider into our store."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from temporalio import activity

from activities.output_transfer import OutputTransfer
from activities.submission import provider_of
from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.errors import (
    DownloadInterrupted,
    HostUnreachable,
    LinkExpired,
    OutputRefused,
    SubmissionForgotten,
    TransientError,
)
from aijobs.domain.jobs.job import JobBrief, JobState
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.lifecycle import JobStatus, require_unfinished
from aijobs.domain.ports.jobs import JobGate
from aijobs.domain.ports.providers import Provider
from aijobs.domain.ports.submissions import SubmissionLog

#: Attempts after which one of these errors is permanent. Every attempt asks the provider for new links.
#: Outages of the host, the provider or our own store are not counted: they are retried until the deadline.
MAX_ATTEMPTS: Final[Mapping[type[TransientError], int]] = {LinkExpired: 3, DownloadInterrupted: 5}

FAILURE_MESSAGES: Final[Mapping[type[TransientError], str]] = {
    LinkExpired: "The provider's link has expired and is not renewed",
    DownloadInterrupted: "The download keeps breaking off",
}


class MigrationActivities:
    """Moves a finished job's outputs from its provider into our store, `outputs_at_once` of a job side by side."""

    def __init__(
        self,
        submissions: SubmissionLog,
        gate: JobGate,
        catalogue: Catalogue,
        providers: Mapping[str, Provider],
        transfer: OutputTransfer,
        *,
        outputs_at_once: int,
    ) -> None:
        self._submissions = submissions
        self._gate = gate
        self._catalogue = catalogue
        self._providers = providers
        self._transfer = transfer
        self._outputs_at_once = outputs_at_once

    @activity.defn
    async def migrate(self, brief: JobBrief) -> JobState:
        """Move the missing outputs, then the job to SUCCESS. A second call moves what is still missing.

        Raises JobIsFinal when the job has ended in another status.
        """
        state = await self._gate.advance(brief.code, JobStatus.MIGRATING)
        if state.job_status is JobStatus.SUCCESS:
            return state
        require_unfinished(brief.code, state.job_status)
        if brief.asyn:
            await self._move_all(brief)
        if not await self._transfer.kept(brief.code):
            raise OutputRefused("There is no output.")
        return await self._gate.advance(brief.code, JobStatus.SUCCESS)

    async def _move_all(self, brief: JobBrief) -> None:
        failures: Counter[type[TransientError]] = Counter()
        while True:
            try:
                return await self._move_missing(brief, provider_of(self._providers, brief.provider))
            except HostUnreachable:
                raise
            except (LinkExpired, DownloadInterrupted) as error:
                error_type = type(error)
                failures[error_type] += 1
                if failures[error_type] >= MAX_ATTEMPTS[error_type]:
                    raise OutputRefused(f"{FAILURE_MESSAGES[error_type]}: {error}") from error
                await asyncio.sleep(2 ** (failures[error_type] - 1))

    async def _move_missing(self, brief: JobBrief, provider: Provider) -> None:
        """Move the missing outputs side by side. One that may succeed later does not stop the others.

        Raises the error of the first output that failed.
        """
        model = self._catalogue.model(brief.model_id)
        sources = await self._sources(brief, provider)
        moved = await self._transfer.kept(brief.code)
        progress = _Progress(count=len(sources), moved=moved)
        slots = asyncio.Semaphore(self._outputs_at_once)
        later: dict[int, TransientError] = {}

        async def move(index: int, source: OutputSource) -> None:
            async with slots:
                try:
                    await self._move(brief, model, provider, index, source, progress)
                except TransientError as error:
                    later[index] = error

        try:
            async with asyncio.TaskGroup() as group:
                for index, source in enumerate(sources):
                    if index not in moved:
                        group.create_task(move(index, source))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        if later:
            raise later[min(later)]

    async def _sources(self, brief: JobBrief, provider: Provider) -> list[OutputSource]:
        submission = await self._submissions.last_submission(brief.code)
        if submission is None:
            raise SubmissionForgotten("The database has forgotten the submission: is it an older copy?")
        assert submission.ref is not None, "only an accepted submission can have outputs"
        snapshot = await provider.query(submission.ref)
        return await provider.outputs(submission.ref, snapshot)

    async def _move(
        self, brief: JobBrief, model: Model, provider: Provider, index: int, source: OutputSource, progress: "_Progress"
    ) -> None:
        async def report(percent: float) -> None:
            if JobStatus.MIGRATING in model.unit_progress:
                await self._gate.progress(brief.code, JobStatus.MIGRATING, progress.with_output(index, percent))

        await self._transfer.keep(
            brief.code, index, source, expect=model.output_kind, hosts=provider.download_hosts, report=report
        )


class _Progress:
    """The progress of a job whose outputs are moved side by side: the mean of theirs."""

    def __init__(self, *, count: int, moved: Collection[int]) -> None:
        self._percents = [100.0 if index in moved else 0.0 for index in range(count)]

    def with_output(self, index: int, percent: float) -> float:
        """The job's percentage, now that this output has come so far."""
        self._percents[index] = percent
        return sum(self._percents) / len(self._percents)
