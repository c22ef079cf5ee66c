"""Synchronous models: the worker generates itself, stage by stage."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity

from activities.output_transfer import OutputTransfer
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import DeadlinePassed, ProviderUnavailable, SlotAwaited
from aijobs.domain.jobs.activity_io import StageInput
from aijobs.domain.jobs.job import JobBrief, JobState
from aijobs.domain.jobs.parameters import is_upload
from aijobs.domain.lifecycle import JobStatus, require_unfinished
from aijobs.domain.ports.conversations import Conversations
from aijobs.domain.ports.generators import Generator
from aijobs.domain.ports.jobs import JobGate, JobQueries, StartConditions
from aijobs.domain.provider_io import JobInput, Task, UploadedFile
from aijobs.domain.values.sandbox_faults import faults_asked

LOOK_AGAIN: Final = timedelta(seconds=30)
"""A job of our own that is held back looks so often whether the pause has ended."""


class GenerationActivities:
    """Each stage of a job is an activity of its own, so that a retry or another worker repeats no finished stage."""

    def __init__(
        self,
        gate: JobGate,
        queries: JobQueries,
        conversations: Conversations,
        catalogue: Catalogue,
        generators: Mapping[str, Generator],
        transfer: OutputTransfer,
        start_conditions: StartConditions,
        sandbox_url: str | None = None,
    ) -> None:
        self._start_conditions = start_conditions
        self._sandbox_url = sandbox_url
        self._gate = gate
        self._queries = queries
        self._conversations = conversations
        self._catalogue = catalogue
        self._generators = generators
        self._transfer = transfer

    @activity.defn
    async def begin_generating(self, brief: JobBrief) -> int:
        """The job is PROCESSING. Returns how many stages its generation has."""
        generator = self._generator(brief)
        _require_time_left(brief)
        if brief.expires_at is not None and datetime.now(UTC) >= brief.expires_at:
            await self._start_conditions.expire(brief.code)
        await self._require_not_held_back(brief)
        await self._enter_processing(brief)
        assignment = await self._queries.assignment(brief.code)
        return await generator.begin(await self._task(brief, generator, assignment))

    @activity.defn
    async def generate_stage(self, stage_input: StageInput) -> None:
        brief, stage, stages = stage_input.brief, stage_input.stage, stage_input.stages
        generator = self._generator(brief)
        _require_time_left(brief)
        shown = JobStatus.PROCESSING in (await self._catalogue.find(brief.model_id)).unit_progress

        async def report(percent: float) -> None:
            if shown:
                unit = 100 * (stage - 1 + percent / 100) / stages
                await self._gate.progress(brief.code, JobStatus.PROCESSING, unit, stage=(stage, stages))

        await report(0)
        assignment = await self._queries.assignment(brief.code)
        with faults_asked(self._sandbox_url, assignment.metadata):
            await generator.work(await self._task(brief, generator, assignment), stage, report)
        if stage == stages:
            await report(100)

    @activity.defn
    async def finish_generating(self, brief: JobBrief) -> JobState:
        """Move the job to GENERATED, with its outputs already in our store.

        The conversation is erased last. A second call finds the job GENERATED and only erases the conversation.
        """
        state = await self._enter_processing(brief)
        if state.job_status.is_before(JobStatus.GENERATED):
            await self._keep_results(brief)
            state = await self._gate.advance(brief.code, JobStatus.GENERATED)
        await self._conversations.clear(brief.code)
        return state

    async def _keep_results(self, brief: JobBrief) -> None:
        generator = self._generator(brief)
        kept = await self._transfer.kept(brief.code)
        task = await self._task(brief, generator, await self._queries.assignment(brief.code))
        for index, source in enumerate(await generator.finish(task)):
            if index not in kept:
                await self._transfer.keep(brief.code, index, source, expect=source.kind, hosts=(), report=_no_report)

    async def _enter_processing(self, brief: JobBrief) -> JobState:
        state = await self._gate.advance(brief.code, JobStatus.PROCESSING)
        require_unfinished(brief.code, state.job_status)
        return state

    async def _require_not_held_back(self, brief: JobBrief) -> None:
        """Raises SlotAwaited."""
        look_again = await self._start_conditions.hold_back(brief.code, provider=brief.provider)
        if look_again is not None:
            raise SlotAwaited("Its work is paused.", retry_after=min(look_again, LOOK_AGAIN))

    def _generator(self, brief: JobBrief) -> Generator:
        if brief.provider not in self._generators:
            raise ProviderUnavailable(f"{brief.provider} is not configured.")
        return self._generators[brief.provider]

    async def _task(self, brief: JobBrief, generator: Generator, assignment: JobInput) -> Task:
        model = await self._catalogue.find(brief.model_id)
        return Task(
            job_code=brief.code,
            model=model,
            params=assignment.params,
            output_count=assignment.output_count,
            token=brief.code,
            webhook_url=None,
            files=await self._files(generator.parameters(model).file_fields(), assignment),
        )

    async def _files(self, fields: Mapping[str, object], assignment: JobInput) -> dict[str, UploadedFile]:
        named = {name: str(assignment.params.get(name, "")) for name in fields}
        return {
            name: await self._queries.uploaded_file(code, user_id=assignment.user_id)
            for name, code in named.items()
            if is_upload(code)
        }


def _require_time_left(brief: JobBrief) -> None:
    """Nothing is asked when the time is over: a workflow that is started late has still a second for each step."""
    if datetime.now(UTC) > brief.accepted_at + brief.deadlines.business:
        raise DeadlinePassed(f"{brief.code} is not worked on any more: its business deadline has passed.")


async def _no_report(_percent: float) -> None: ...
