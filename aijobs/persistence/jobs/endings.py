"""What a final status does besides: to the job's points, its cost and its slot. And when it is too late to begin."""

from datetime import datetime
from typing import TypedDict

from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.errors import DeadlinePassed
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind, closing_entry
from aijobs.domain.values.money import VendorPrice
from aijobs.persistence.added_models import model_of
from aijobs.persistence.column_types import now
from aijobs.persistence.tables.locked_jobs import AnyJob


class Ending(TypedDict, total=False):
    """What `advance` needs for a final status, besides it."""

    closing: EntryKind
    price: VendorPrice | None
    slot_until: datetime | None


def ending_of(model: Model, to: JobStatus, *, provider_may_charge: bool) -> Ending:
    closing = closing_entry(to, model.points, provider_may_charge=provider_may_charge)
    late = now() + model.deadlines.late if provider_may_charge else None
    return {"closing": closing, "price": model.vendor_price, "slot_until": late}


def require_in_time(session: Session, job: AnyJob, catalogue: Catalogue) -> None:
    """Raises DeadlinePassed when a locked job's time is over."""
    if now() > job.begins_at + model_of(session, catalogue, job.model_id).deadlines.business:
        raise DeadlinePassed(f"{job.code} is not sent any more: its business deadline has passed.")
