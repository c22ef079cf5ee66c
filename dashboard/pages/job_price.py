"""What a job would cost, and which limits hold for it, before it is submitted."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from aijobs.domain.catalogue import Model
from aijobs.domain.documents.costs import CostEstimate
from aijobs.domain.errors import BadInput, InvalidParameters, NotAllowed, NotFound, StoreUnavailable
from aijobs.domain.values.money import Cost, PriceUnit, VendorPrice
from aijobs.usecases.intake_document import MODEL as DOCUMENTS
from aijobs.usecases.intake_document import IntakeDocument
from aijobs.usecases.models import AvailableModels
from api.schemas.jobs import Points
from api.schemas.points_responses import points_of_today
from dashboard.page import PageRequest

#: Parameters that say how long a video or a sound will be, in seconds.
LENGTHS: Final = ("duration", "seconds", "duration_seconds")


@dataclass(frozen=True)
class JobLimits:
    """`at_most`: its deadline. `of_user` and `of_model`: jobs in flight, where an operator bounds them."""

    at_most: timedelta
    of_user: int | None
    of_model: int | None
    outputs: int


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a job would cost. `points`: the user's points of today; None while the user is unknown.

    `cost`: at the vendor, where that can be told before; `vendor`: else its price. `estimate`: of a document.
    """

    due: int
    points: Points | None
    cost: Cost | None
    vendor: VendorPrice | None
    estimate: CostEstimate | None
    limits: JobLimits

    @property
    def is_too_much(self) -> bool:
        return self.points is not None and self.due > self.points.remaining


@dataclass(frozen=True)
class Pricing:
    """For one visitor."""

    visit: PageRequest
    models: AvailableModels
    intake: IntakeDocument
    daily_limit: int

    async def price(self, model_id: str, params: dict[str, Any], *, count: int | str, user: str) -> Price:
        model = self.models.model(model_id)
        number = count if isinstance(count, int) else 0
        cost = _cost(model.vendor_price, params, number) if model.vendor_price else None
        user_id = self._user(user)
        return Price(
            due=model.price(number),
            points=await self._points(user_id) if user_id else None,
            cost=cost,
            vendor=None if cost else model.vendor_price,
            estimate=await self._estimate(model, params, user_id),
            limits=self._limits(model),
        )

    def _user(self, user: str) -> str | None:
        try:
            return self.visit.caller.acting_user(user or None)
        except (InvalidParameters, NotAllowed):
            return None

    async def _points(self, user_id: str) -> Points:
        return await self.visit.database.read(points_of_today, user_id, daily_limit=self.daily_limit)

    async def _estimate(self, model: Model, params: dict[str, Any], user_id: str | None) -> CostEstimate | None:
        """Of a document and its template, once both are chosen."""
        file, template = params.get("file"), params.get("template")
        if model.model_id != DOCUMENTS or not (user_id and isinstance(file, str) and isinstance(template, str)):
            return None
        try:
            return await self.intake.estimate_uploaded(file, template, user_id=user_id)
        except (BadInput, NotFound, StoreUnavailable):
            return None  # submitting says what is wrong, at its field

    def _limits(self, model: Model) -> JobLimits:
        rules = self.models.limits
        of_user = [rules.user_in_flight, model.limits.user_in_flight or rules.user_model_in_flight]
        return JobLimits(
            at_most=model.deadlines.business,
            of_user=min((limit for limit in of_user if limit), default=None),
            of_model=model.limits.in_flight,
            outputs=model.max_output_count,
        )


def _cost(price: VendorPrice, params: dict[str, Any], count: int) -> Cost | None:
    match price.unit:
        case PriceUnit.JOB:
            return price.times(Decimal(1))
        case PriceUnit.OUTPUT:
            return price.times(Decimal(count))
        case PriceUnit.SECOND:
            seconds = next((params[name] for name in LENGTHS if type(params.get(name)) in {int, float}), None)
            return None if seconds is None else price.times(Decimal(str(seconds)) * count)
        case _:
            return None
