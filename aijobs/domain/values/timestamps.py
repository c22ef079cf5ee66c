"""Times that callers send: RFC 3339 with a zone, kept in UTC, within years that every database and clock knows."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

MIN_TIMESTAMP: Final = datetime(2000, 1, 1, tzinfo=UTC)
MAX_TIMESTAMP: Final = datetime(2200, 1, 1, tzinfo=UTC)


def _not_a_number(value: object) -> object:
    """Pydantic would take a number for seconds or milliseconds since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and ":" not in value):
        raise ValueError("Must be a date and time as in RFC 3339.")
    return value


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Timestamp = Annotated[
    AwareDatetime, BeforeValidator(_not_a_number), Field(ge=MIN_TIMESTAMP, le=MAX_TIMESTAMP), AfterValidator(_in_utc)
]
