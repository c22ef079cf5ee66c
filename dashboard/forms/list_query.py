"""The query of the form above a list: which time, which page, and the list's address again."""

import re
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from aijobs.persistence.column_types import now

LAST_DAY: Final = date(9998, 12, 31)  #: a `date` must exist for the day after it

#: Fields that say which page is shown and how, and filter nothing.
PAGE_FIELDS: Final = {"cursor", "back", "sort"}


class Period(StrEnum):
    """A time that ends now. The form also sends an empty field."""

    ALWAYS = ""
    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def length(self) -> timedelta | None:
        return LENGTHS.get(self)


LENGTHS: Final = {
    Period.HOUR: timedelta(hours=1),
    Period.DAY: timedelta(days=1),
    Period.WEEK: timedelta(days=7),
    Period.MONTH: timedelta(days=30),
}


def _day(text: object) -> object:
    """None for an empty field, which a form also sends. Pydantic would take a number for seconds since 1970."""
    if text and not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", str(text)):
        raise ValueError("Must be a day: YYYY-MM-DD.")
    return text or None


OptionalDay = Annotated[date | None, BeforeValidator(_day)]


class ListQuery(BaseModel):
    """What every list's form has. Days are UTC, both inclusive; `back` is the first row of the page behind."""

    model_config = ConfigDict(protected_namespaces=())

    period: Period = Period.ALWAYS
    after: OptionalDay = None
    before: OptionalDay = None
    cursor: str = Field(default="", max_length=100)
    back: str = Field(default="", max_length=100)

    @property
    def is_filtered(self) -> bool:
        return bool(self.model_dump(exclude_defaults=True, exclude=PAGE_FIELDS))

    @property
    def since(self) -> datetime | None:
        """The later of the beginnings of the period and of the first day."""
        moments = [midnight(self.after)] if self.after else []
        moments += [now() - self.period.length] if self.period.length else []
        return max(moments, default=None)

    @property
    def until(self) -> datetime | None:
        return midnight(self.before) + timedelta(days=1) if self.before else None

    def with_only(self, **changes: object) -> Self:
        """The first page of the same list, with these changes."""
        return self.model_copy(update={"cursor": "", "back": "", **changes})

    def address(self, **page: object) -> str:
        """The query string of a page of the list; without a cursor, of the first."""
        fields = self.with_only(**page).model_dump(mode="json", exclude_defaults=True)
        return urlencode({name: value for name, value in fields.items() if value}, doseq=True)


def midnight(day: date) -> datetime:
    day = min(day, LAST_DAY)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
