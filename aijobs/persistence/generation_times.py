"""How long generations took, by model and class of parameters: one small row each."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Table, bindparam, func, text
from sqlmodel import Session, col, select

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.generation_times import Estimate, GenerationTimes, read_times
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.generation_times import GenerationEnd
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.tables import GenerationTimesRow, JobRow

ALL_JOBS: Final = ""
"""The class of all jobs of a model."""

AT_PROVIDER: Final = (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING)

MOST_CLASSES: Final = 100
"""Of one model. Jobs of a class beyond them count for the model alone."""

_TABLE: Final[Table] = GenerationTimesRow.__table__  # type: ignore[attr-defined]
_INSERT: Final = text(
    "INSERT INTO generation_times (model_id, parameter_class, times, update_time) "
    "VALUES (:model_id, :parameter_class, '{}', :at) ON CONFLICT (model_id, parameter_class) DO NOTHING"
).bindparams(bindparam("at", type_=_TABLE.c.update_time.type))


def generation_times(session: Session, model_id: str, parameter_class: str) -> GenerationTimes:
    """Of the class, if enough is known of it; otherwise of all jobs of the model."""
    rows = session.exec(
        select(GenerationTimesRow.parameter_class, GenerationTimesRow.times).where(
            col(GenerationTimesRow.model_id) == model_id,
            col(GenerationTimesRow.parameter_class).in_({ALL_JOBS, parameter_class}),
        )
    )
    return _best({(model_id, one): read_times(stored) for one, stored in rows}, model_id, parameter_class)


def times_of_jobs(
    session: Session, jobs: Sequence[JobRow], model_of: Callable[[str], Model | None]
) -> Mapping[str, GenerationTimes]:
    """By code, those of the jobs that a provider works on. One statement, and none where there is no such job."""
    classes = {
        job.code: (job.model_id, model.learning.class_of(job.params))
        for job in jobs
        if job.job_status in AT_PROVIDER and (model := model_of(job.model_id)) and model.asyn
    }
    if not classes:
        return {}
    rows = session.exec(
        select(GenerationTimesRow).where(
            col(GenerationTimesRow.model_id).in_({model_id for model_id, _ in classes.values()}),
            col(GenerationTimesRow.parameter_class).in_({ALL_JOBS, *(one for _, one in classes.values())}),
        )
    )
    found = {(row.model_id, row.parameter_class): read_times(row.times) for row in rows}
    return {code: _best(found, *of) for code, of in classes.items()}


def estimate_of(job: JobRow, times: GenerationTimes | None, *, at: datetime) -> Estimate | None:
    """Of a job that a provider works on, by those of its kind. None where it is not known whether it does."""
    if times is None or job.req_time is None or job.waiting is not None:
        return None
    return times.estimate(job.req_time, at)


def is_estimated(job: JobRow, model: Model | None) -> bool:
    """Whether the job's unit progress is an estimate of ours."""
    return job.unit_progress is not None and model is not None and model.estimates_progress(job.job_status)


def _best(found: Mapping[tuple[str, str], GenerationTimes], model_id: str, parameter_class: str) -> GenerationTimes:
    of_class = found.get((model_id, parameter_class), GenerationTimes())
    return of_class if of_class.is_known else found.get((model_id, ALL_JOBS), GenerationTimes())


def count_ends(session: Session, ends: Sequence[GenerationEnd]) -> None:
    """Count them for their models and classes. The rows are locked in one order, so that nobody waits in a circle."""
    by_row: dict[tuple[str, str], list[GenerationEnd]] = defaultdict(list)
    for end in ends:
        for parameter_class in {ALL_JOBS, end.parameter_class}:
            by_row[end.model_id, parameter_class].append(end)
    for model_id, parameter_class in sorted(by_row):
        row = _locked(session, model_id, parameter_class)
        if row is None:
            continue
        times = read_times(row.times)
        for end in by_row[model_id, parameter_class]:
            times = times.observed(end.earliest, end.latest, dice=end.dice)
        row.times, row.update_time = times.model_dump(mode="json"), now()


def _locked(session: Session, model_id: str, parameter_class: str) -> GenerationTimesRow | None:
    """The row, which is made where it is missing; None where the model has too many."""
    key = (model_id, parameter_class)
    if (known := session.get(GenerationTimesRow, key, with_for_update=True)) is not None:
        return known
    of_model = select(func.count()).where(col(GenerationTimesRow.model_id) == model_id)
    if parameter_class != ALL_JOBS and session.exec(of_model).one() > MOST_CLASSES:
        return None
    values = {"model_id": model_id, "parameter_class": parameter_class, "at": now()}
    connection_of(session).execute(_INSERT, values)
    return session.get(GenerationTimesRow, key, with_for_update=True)


class DatabaseGenerationTimes:
    """Implements GenerationTimesLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def times(self, model_id: str, parameter_class: str) -> GenerationTimes:
        return await self._database.read(generation_times, model_id, parameter_class)

    async def count(self, ends: Sequence[GenerationEnd]) -> None:
        await self._database.write(count_ends, ends)
