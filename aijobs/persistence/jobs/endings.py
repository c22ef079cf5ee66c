"""What a final status does besides: to the job's points, its cost and its slot."""

from datetime import datetime
from typing import TypedDict

from aijobs.domain.catalogue import Model
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind, closing_entry
from aijobs.domain.values.money import VendorPrice
from aijobs.persistence.column_types import now


class Ending(TypedDict, total=False):
    """What `advance` needs for a final status, besides it."""

    closing: EntryKind
    price: VendorPrice | None
    slot_until: datetime | None


def ending_of(model: Model, to: JobStatus, *, provider_may_charge: bool) -> Ending:
    closing = closing_entry(to, model.points, provider_may_charge=provider_may_charge)
    late = now() + model.deadlines.late if provider_may_charge else None
    return {"closing": closing, "price": model.vendor_price, "slot_until": late}
