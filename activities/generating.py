"""Synchronous models: our own generation step does the work."""

from collections.abc import Mapping

from temporalio import activity

from activities.moving import Keeper
from domain.catalogue import Catalogue, Model
from domain.errors import ProviderUnavailable
from domain.job import JobBrief, JobState
from domain.lifecycle import JobStatus
from domain.ports import Generator, Records
from domain.providing import Task


class Generating:
    def __init__(
        self, records: Records, catalogue: Catalogue, generators: Mapping[str, Generator], keeper: Keeper
    ) -> None:
        self._records = records
        self._catalogue = catalogue
        self._generators = generators
        self._keeper = keeper

    @activity.defn
    async def generate(self, brief: JobBrief) -> JobState:
        """Ends in GENERATED, with the results already in our store: nobody else keeps them for us."""
        model = self._catalogue.model(brief.model_id)
        if brief.provider not in self._generators:
            raise ProviderUnavailable(f"{brief.provider} is not configured.")
        await self._records.advance(brief.code, JobStatus.PROCESSING)
        await self._generate(brief, model, self._generators[brief.provider])
        return await self._records.advance(brief.code, JobStatus.GENERATED)

    async def _generate(self, brief: JobBrief, model: Model, generator: Generator) -> None:
        assignment = await self._records.assignment(brief.code)
        task = Task(
            job_code=brief.code,
            model=model,
            params=assignment.params,
            output_count=assignment.output_count,
            token=brief.code,
            webhook_url=None,
        )

        async def report(percent: float) -> None:
            if JobStatus.PROCESSING in model.unit_progress:
                await self._records.progress(brief.code, JobStatus.PROCESSING, percent)

        async def silent(_percent: float) -> None: ...

        for index, source in enumerate(await generator.generate(task, report)):
            await self._keeper.keep(brief.code, index, source, expect=model.output_kind, hosts=(), report=silent)
