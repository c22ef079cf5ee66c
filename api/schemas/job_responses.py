"""Rows of jobs and files as response documents."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from aijobs.domain.jobs.generation_times import Estimate, GenerationTimes
from aijobs.domain.jobs.waiting import Waiting
from aijobs.domain.values.redaction import without_secrets
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.generation_times import estimate_of, is_estimated, times_of_jobs
from aijobs.persistence.jobs.outputs import outputs_of
from aijobs.persistence.jobs.waiting import waiting_of
from aijobs.persistence.points.costs import charged, cost_of
from aijobs.persistence.slots.places import PlaceInLine, places_of
from aijobs.persistence.tables import FileRow, JobRow, OutputRow
from aijobs.usecases.follow_up import actions_of
from aijobs.usecases.models import AvailableModels
from api.schemas.jobs import File, Job, JobWithExchange, Output
from api.schemas.links import SignedLinks


@dataclass(frozen=True, kw_only=True)
class JobResponses:
    """Renders jobs with their outputs, behind signed links, and the actions that they offer now."""

    database: Database
    models: AvailableModels
    links: SignedLinks

    async def of(self, rows: Sequence[JobRow]) -> list[Job]:
        def work(
            session: Session,
        ) -> tuple[
            Sequence[OutputRow], Mapping[str, int | None], Mapping[str, GenerationTimes], Mapping[str, PlaceInLine]
        ]:
            codes = [row.code for row in rows]
            times = times_of_jobs(session, rows, self.models.known)
            places = places_of(session, rows, self.models.slot_rules)
            return outputs_of(session, *codes), charged(session, codes), times, places

        stored, kept, times, places = await self.database.read(work)
        outputs: dict[str, list[Output]] = defaultdict(list)
        for output in stored:
            outputs[output.job_code].append(await self._output(output))
        at = now()
        return [
            _job_document(
                row,
                outputs[row.code],
                actions_of(self.models, row),
                waiting_of(
                    row,
                    self.models.known(row.model_id),
                    at=at,
                    times=times.get(row.code),
                    place=places.get(row.code),
                ),
                charged=kept[row.code],
                progress_estimated=is_estimated(row, self.models.known(row.model_id)),
                estimate=estimate_of(row, times.get(row.code), at=at),
            )
            for row in rows
        ]

    async def documents(self, rows: Sequence[JobRow]) -> list[dict[str, Any]]:
        """The same as JSON."""
        return [job.model_dump(mode="json") for job in await self.of(rows)]

    async def one(self, row: JobRow) -> Job:
        return (await self.of([row]))[0]

    async def _output(self, row: OutputRow) -> Output:
        return Output.model_validate({**row.model_dump(), "url": await self.links.output(row)})


def new_job_response(row: JobRow) -> Job:
    """A job that was just accepted, which has no outputs yet."""
    return _job_document(
        row, [], [], waiting_of(row, None, at=row.create_time), charged=None, progress_estimated=False, estimate=None
    )


def with_exchange(job: Job, row: JobRow) -> JobWithExchange:
    return JobWithExchange(
        **dict(job), req_json=without_secrets(row.req_json), resp_json=without_secrets(row.resp_json)
    )


def file_response(row: FileRow) -> File:
    return File.model_validate(row, from_attributes=True)


def _job_document(
    row: JobRow,
    outputs: list[Output],
    actions: list[str],
    waiting: Waiting | None,
    *,
    charged: int | None,
    progress_estimated: bool,
    estimate: Estimate | None,
) -> Job:
    status = row.job_status
    fields = {
        "metadata": row.extra,
        "outputs": outputs,
        "actions": actions,
        "progress_estimated": progress_estimated,
        "estimate": estimate,
        "waiting": waiting,
        "charged": charged,
        "cost": cost_of(row),
        "job_status_name": status.name,
        "job_status_desc": status.zh,
    }
    return Job.model_validate({**row.model_dump(), **fields})
