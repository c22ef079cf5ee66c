"""Moving a job's outputs from its provider into our store."""

import asyncio
from collections import Counter
from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Final

from temporalio import activity

from activities.output_transfer import OutputTransfer
from activities.submission import provider_of
from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.errors import (
    DownloadInterrupted,
    HostUnreachable,
    JobIsFinal,
    LinkExpired,
    OutputRefused,
    ProviderUnavailable,
    SubmissionForgotten,
    TransientError,
)
from aijobs.domain.jobs.activity_io import MigrationInput
from aijobs.domain.jobs.job import JobBrief, JobState
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.submissions import Ref, credential_in
from aijobs.domain.lifecycle import JobStatus, require_unfinished
from aijobs.domain.ports.jobs import JobGate
from aijobs.domain.ports.outputs import MigrationStart
from aijobs.domain.ports.providers import Provider

#: Attempts after which one of these errors is permanent. Every attempt asks the provider for new links.
#: Outages of the host, the provider or our own store are not counted: they are retried until the deadline.
MAX_ATTEMPTS: Final[Mapping[type[TransientError], int]] = {LinkExpired: 3, DownloadInterrupted: 5}

NO_OUTPUT: Final = "There is no output."

FAILURE_MESSAGES: Final[Mapping[type[TransientError], str]] = {
    LinkExpired: "The provider's link has expired and is not renewed",
    DownloadInterrupted: "The download keeps breaking off",
}


class MigrationActivities:
    """Moves a finished job's outputs from its provider into our store, `outputs_at_once` of a job side by side."""

    def __init__(
        self,
        gate: JobGate,
        catalogue: Catalogue,
        providers: Mapping[str, Provider],
        transfer: OutputTransfer,
        *,
        outputs_at_once: int,
    ) -> None:
        self._gate = gate
        self._catalogue = catalogue
        self._providers = providers
        self._transfer = transfer
        self._outputs_at_once = outputs_at_once

    @activity.defn
    async def migrate(self, migration: MigrationInput) -> JobState:
        """Move the missing outputs, then the job to SUCCESS. A second call moves what is still missing.

        The first attempt, which knows the provider's reference, writes the job's status together with its outputs: it
        is MIGRATING when the first is about to be written, and SUCCESS when the last is. Raises JobIsFinal when the job
        has ended in another status.
        """
        if migration.asyn and migration.ref is not None and activity.info().attempt == 1:
            try:
                return await self._move_missing(migration, migration.ref, frozenset())
            except (LinkExpired, DownloadInterrupted) as error:
                return await self._move_all(migration, error)
            except JobIsFinal:
                pass  # perhaps in SUCCESS
            except Exception:
                await self._gate.advance(migration.code, JobStatus.MIGRATING)
                raise
        return await self._move_all(migration)

    async def _move_all(self, migration: MigrationInput, error: TransientError | None = None) -> JobState:
        """Move what is missing, several times where that may help. `error` is that of an earlier try."""
        failures: Counter[type[TransientError]] = Counter()
        start = await self._transfer.enter_migration(migration.code)
        while True:
            try:
                if error is None:
                    return await self._continue(migration, start)
                raise error
            except HostUnreachable:
                raise
            except (LinkExpired, DownloadInterrupted) as failure:
                await _pause_after(failure, failures)
                error = None
                start = await self._transfer.enter_migration(migration.code)

    async def _continue(self, migration: MigrationInput, start: MigrationStart) -> JobState:
        if start.state.job_status is JobStatus.SUCCESS:
            return start.state
        require_unfinished(migration.code, start.state.job_status)
        if migration.asyn:
            if start.ref is None:
                raise SubmissionForgotten("The database has forgotten the submission: is it an older copy?")
            return await self._move_missing(migration, start.ref, start.kept)
        if not start.kept:
            raise OutputRefused(NO_OUTPUT)
        return await self._gate.advance(migration.code, JobStatus.SUCCESS)

    async def _move_missing(self, migration: MigrationInput, ref: Ref, kept: frozenset[int]) -> JobState:
        """Move the missing outputs side by side. One that may succeed later does not stop the others.

        Raises the error of the first output that failed.
        """
        model, provider = (
            await self._catalogue.find(migration.model_id),
            provider_of(self._providers, migration.provider, credential_in(ref)),
        )
        snapshot = await provider.query(ref)
        if not snapshot.final:  # the vendor has forgotten for a moment that it was done: that proves no loss
            raise ProviderUnavailable("The provider does not know now that the job is done.")
        sources = await provider.outputs(ref, snapshot)
        if not sources:
            raise OutputRefused(NO_OUTPUT)
        progress = _Progress(count=len(sources), moved=kept)
        slots = asyncio.Semaphore(self._outputs_at_once)
        later: dict[int, TransientError] = {}

        async def move(index: int, source: OutputSource) -> JobState | None:
            async with slots:
                try:
                    return await self._move(migration, model, provider, index, source, progress)
                except TransientError as error:
                    later[index] = error
                    return None

        missing = [move(index, source) for index, source in enumerate(sources) if index not in kept]
        states = await _all_of(missing)
        if later:
            raise later[min(later)]
        done = next((state for state in states if state and state.job_status is JobStatus.SUCCESS), None)
        return done or await self._gate.advance(migration.code, JobStatus.SUCCESS)

    async def _move(
        self, brief: JobBrief, model: Model, provider: Provider, index: int, source: OutputSource, progress: "_Progress"
    ) -> JobState | None:
        async def report(percent: float) -> None:
            if JobStatus.MIGRATING in model.unit_progress:
                await self._gate.progress(brief.code, JobStatus.MIGRATING, progress.with_output(index, percent))

        return await self._transfer.keep(
            brief.code,
            index,
            source,
            expect=model.output_kind,
            hosts=provider.download_hosts,
            report=report,
            complete_at=progress.count,
        )


async def _all_of(moves: Sequence[Coroutine[None, None, JobState | None]]) -> list[JobState | None]:
    """What they return. Raises the error of the first that fails, and cancels the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(move) for move in moves]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def _pause_after(failure: TransientError, failures: Counter[type[TransientError]]) -> None:
    """Longer after each failure of a kind. Raises OutputRefused when there were too many."""
    kind = type(failure)
    failures[kind] += 1
    if failures[kind] >= MAX_ATTEMPTS[kind]:
        raise OutputRefused(f"{FAILURE_MESSAGES[kind]}: {failure}") from failure
    await asyncio.sleep(2 ** (failures[kind] - 1))


class _Progress:
    """The progress of a job whose outputs are moved side by side: the mean of theirs."""

    def __init__(self, *, count: int, moved: Collection[int]) -> None:
        self.count = count
        self._percents = [100.0 if index in moved else 0.0 for index in range(count)]

    def with_output(self, index: int, percent: float) -> float:
        """The job's percentage, now that this output has come so far."""
        self._percents[index] = percent
        return sum(self._percents) / len(self._percents)
