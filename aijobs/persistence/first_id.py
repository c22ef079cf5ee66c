"""Which jobs are newer than a moment: their codes sort by time, and are indexed."""

from datetime import datetime
from typing import Final

from aijobs.domain.values.ids import CROCKFORD

TIME_BITS: Final = 48  #: of a UUIDv7: milliseconds since 1970 (RFC 9562, 5.7)
UUID_BITS: Final = 128


def first_code_since(moment: datetime) -> str:
    """The least code that a job of this moment can have; before 1970 there was none."""
    milliseconds = max(int(moment.timestamp() * 1000), 0)
    number = milliseconds << (UUID_BITS - TIME_BITS)
    return "job_" + "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
