"""What jobs cost at their vendors, in money; and what was kept of their points in the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import bindparam, func, select
from sqlmodel import Session, SQLModel

from aijobs.domain.jobs.job import RerunFrom
from aijobs.domain.jobs.submissions import Outcome
from aijobs.domain.points import EntryKind, kept_points
from aijobs.domain.values.ids import first_code_since
from aijobs.domain.values.money import Cost, CostSource, PriceUnit, VendorPrice, amount_of
from aijobs.persistence.database import connection_of
from aijobs.persistence.paging import first_id_since
from aijobs.persistence.tables import OutputRow, PointsEntryRow, SubmissionRow
from aijobs.persistence.tables.locked_jobs import JOBS, AnyJob

PIXELS_OF_A_MEGAPIXEL: Final = Decimal(1_000_000)

_OUTPUTS: Final = SQLModel.metadata.tables[str(OutputRow.__tablename__)]
_ENTRIES: Final = SQLModel.metadata.tables[str(PointsEntryRow.__tablename__)]

_SUBMISSIONS: Final = SQLModel.metadata.tables[str(SubmissionRow.__tablename__)]

_MADE: Final = select(_OUTPUTS.c.width, _OUTPUTS.c.height, _OUTPUTS.c.media).where(
    _OUTPUTS.c.job_code == bindparam("of_job"), _OUTPUTS.c["del"].is_(False)
)
_FALLBACKS: Final = select(_SUBMISSIONS.c.id).where(
    _SUBMISSIONS.c.job_code == bindparam("of_job"),
    _SUBMISSIONS.c.fallback.is_not(None),
    _SUBMISSIONS.c.outcome == Outcome.ACCEPTED,
)


@dataclass(frozen=True)
class ModelCost:
    """What the jobs of one model have cost, in one of their currencies."""

    model_id: str
    model_name: str
    jobs: int
    amount: Decimal
    currency: str


def cost_of(job: AnyJob) -> Cost | None:
    """None while nothing is known, and where nobody has told a price."""
    if job.cost_nanos is None or job.cost_currency is None or job.cost_source is None:
        return None
    return Cost.of_nanos(job.cost_nanos, job.cost_currency, CostSource(job.cost_source))


def set_cost(job: AnyJob, cost: Cost | None) -> None:
    """Of a locked job, as its vendor's last answer says. Without a cost nothing changes."""
    if cost is not None:
        job.cost_nanos, job.cost_currency, job.cost_source = cost.nanos, cost.currency, cost.source


def add_cost(job: AnyJob, cost: Cost) -> None:
    """Of one more of a locked job's questions."""
    before = job.cost_nanos or 0
    set_cost(job, cost)
    job.cost_nanos = before + cost.nanos


def set_cost_by_outputs(session: Session, job: AnyJob, price: VendorPrice | None) -> None:
    """The price of what a locked job has made, where the vendor has sent no bill.

    Nothing for outputs that are fetched again: the job that made them has paid. Nor for those of a fallback: the price
    is not of that.
    """
    if price is None or job.cost_nanos is not None or job.rerun_from == RerunFrom.MIGRATION:
        return
    if connection_of(session).execute(_FALLBACKS, {"of_job": job.code}).first() is not None:
        return
    quantity = _made(session, job.code, price.unit)
    set_cost(job, None if quantity is None else price.times(quantity))


def _made(session: Session, code: str, unit: PriceUnit) -> Decimal | None:
    """How much a job has made; None where that is not known of each output, or only the vendor counts it."""
    match unit:
        case PriceUnit.JOB:
            return Decimal(1)
        case PriceUnit.BILLED:
            return None
    outputs = connection_of(session).execute(_MADE, {"of_job": code}).all()
    match unit:
        case PriceUnit.OUTPUT:
            return Decimal(len(outputs))
        case PriceUnit.SECOND:
            return _sum([None if media is None else _decimal(media.get("duration")) for *_, media in outputs])
        case PriceUnit.MEGAPIXEL:
            pixels = _sum([None if width is None or height is None else width * height for width, height, _ in outputs])
            return None if pixels is None else pixels / PIXELS_OF_A_MEGAPIXEL


def _sum(parts: Sequence[Decimal | None]) -> Decimal | None:
    known = [part for part in parts if part is not None]
    return sum(known, Decimal()) if len(known) == len(parts) else None


def _decimal(seconds: float | None) -> Decimal | None:
    return None if seconds is None else Decimal(str(seconds))


def final_money(job: AnyJob, closing: EntryKind) -> dict[str, Any]:
    """What a locked job's final event says of money."""
    cost = cost_of(job)
    return {
        "points": job.points,
        "charged": kept_points(closing, job.points),
        "cost": None if cost is None else cost.model_dump(mode="json"),
    }


def charged(session: Session, codes: Sequence[str]) -> Mapping[str, int | None]:
    """What was kept of each job's points; None while that is open: it has not ended, or its points are held."""
    entries = select(_ENTRIES.c.job_code, _ENTRIES.c.kind, _ENTRIES.c.points).where(_ENTRIES.c.job_code.in_(codes))
    kept: dict[str, int | None] = dict.fromkeys(codes)
    for code, kind, points in connection_of(session).execute(entries):
        if (closed := kept_points(EntryKind(kind), points)) is not None:
            kept[code] = closed
    return kept


def costs_by_model(session: Session, *, since: datetime, user_id: str | None) -> list[ModelCost]:
    """Of the jobs accepted since then whose cost is known, the most expensive first."""
    first = first_id_since(session, since)
    if first is None:
        return []
    total = func.sum(JOBS.c.cost_nanos)
    summed = (
        select(JOBS.c.model_id, JOBS.c.model_name, func.count(), total, JOBS.c.cost_currency)
        .where(
            JOBS.c.id >= first,
            JOBS.c.code >= first_code_since(since),
            JOBS.c.cost_nanos.is_not(None),
            *([] if user_id is None else [JOBS.c.user_id == user_id]),
        )
        .group_by(JOBS.c.model_id, JOBS.c.model_name, JOBS.c.cost_currency)
        .order_by(total.desc())
    )
    found = connection_of(session).execute(summed)
    return [
        ModelCost(model_id, name, jobs, amount_of(int(nanos)), currency)
        for model_id, name, jobs, nanos, currency in found
    ]
