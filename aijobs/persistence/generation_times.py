"""How long generations took, by model and class of parameters: one small row each."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Table, bindparam, func, text
from sqlmodel import Session, col, select

from aijobs.domain.jobs.generation_times import GenerationTimes, read_times
from aijobs.domain.ports.generation_times import GenerationEnd
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database, connection_of
from aijobs.persistence.tables import GenerationTimesRow

ALL_JOBS: Final = ""
"""The class of all jobs of a model."""

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
    found = {one: read_times(stored) for one, stored in rows}
    of_class = found.get(parameter_class, GenerationTimes())
    return of_class if of_class.is_known else found.get(ALL_JOBS, GenerationTimes())


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
