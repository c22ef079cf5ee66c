"""What a job costs at its vendor, in money: exact decimals, in one currency a job."""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

NANOS: Final = 9
"""Digits behind the point that are kept: whole billionths, so that sums are sums of integers."""

MAX_AMOUNT: Final = Decimal(1_000_000_000)
CURRENCY: Final = r"^[A-Z]{3}$"

_CURRENCY: Final = re.compile(CURRENCY)


def _plain(amount: Decimal) -> str:
    """Without an exponent, and without zeros at the end: `0.003`, `12`."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


Amount = Annotated[
    Decimal, Field(ge=0, le=MAX_AMOUNT), PlainSerializer(_plain, return_type=str, when_used="json-unless-none")
]


def is_currency(unit: str) -> bool:
    """Whether a vendor's unit is a currency (ISO 4217), and not credits or tokens of its own."""
    return _CURRENCY.match(unit) is not None


class CostSource(StrEnum):
    """How a cost is known."""

    BILL = "bill"  #: the vendor's answer says it, in money
    PRICE = "price"  #: the operator's price, times what was made or what the vendor has counted


class Cost(BaseModel):
    """What a job has cost at its vendor. `amount` is a decimal number as a text."""

    model_config = ConfigDict(frozen=True)

    amount: Amount = Field(examples=["0.05"])
    currency: str = Field(pattern=CURRENCY, examples=["USD"])
    source: CostSource

    @classmethod
    def of(cls, amount: Decimal, currency: str, source: CostSource) -> Self | None:
        """Rounded to billionths. None for what cannot be an amount: a vendor may say anything."""
        if not amount.is_finite() or not 0 <= amount <= MAX_AMOUNT:
            return None
        return cls.of_nanos(int(amount.scaleb(NANOS).to_integral_value(ROUND_HALF_EVEN)), currency, source)

    @classmethod
    def of_nanos(cls, nanos: int, currency: str, source: CostSource) -> Self:
        return cls(amount=amount_of(nanos), currency=currency, source=source)

    @property
    def nanos(self) -> int:
        return int(self.amount.scaleb(NANOS))

    def __str__(self) -> str:
        return f"{_plain(self.amount)} {self.currency}"


def amount_of(nanos: int) -> Decimal:
    return Decimal(nanos).scaleb(-NANOS)


class PriceUnit(StrEnum):
    """What a vendor's price is of."""

    JOB = "job"  #: each finished generation
    OUTPUT = "output"
    SECOND = "second"  #: of the outputs, as long as they are
    MEGAPIXEL = "megapixel"  #: of the outputs
    BILLED = "billed"  #: what the vendor's own bill counts in: its credits, tokens or seconds


class VendorPrice(BaseModel):
    """What a model costs at its vendor, as the operator has agreed with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Amount
    currency: str = Field(pattern=CURRENCY)
    unit: PriceUnit

    def times(self, quantity: Decimal) -> Cost | None:
        return Cost.of(self.amount * quantity, self.currency, CostSource.PRICE)
