"""Public ids: a prefix and 26 Crockford base32 characters of a UUIDv7 (RFC 9562), so that they sort by time."""

import os
import time
from datetime import UTC, datetime
from typing import Final

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TIME_LENGTH: Final = 10  #: characters of a code, behind its prefix, that tell its time
TIME_SHIFT: Final = 80  #: bits behind a UUIDv7's milliseconds since 1970 (RFC 9562, 5.7)


def _uuid7() -> int:
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    high, low = random >> 62 & 0xFFF, random & (1 << 62) - 1
    return milliseconds << TIME_SHIFT | 7 << 76 | high << 64 | 2 << 62 | low


def new_id(prefix: str) -> str:
    """For example `job_06EY…` for `new_id("job")`."""
    return f"{prefix}_{_in_base32(_uuid7())}"


def first_code_since(since: datetime) -> str:
    """The smallest code that a job created at or after `since` can have."""
    milliseconds = max(int(since.timestamp() * 1000), 0)
    return f"job_{_in_base32(milliseconds << TIME_SHIFT)}"


def moment_of(beginning: str) -> datetime | None:
    """The earliest time of a code that begins so, for example "job_01M70K"; None when no code can."""
    written = beginning.partition("_")[2][:TIME_LENGTH].ljust(TIME_LENGTH, CROCKFORD[0])
    if not set(written) <= set(CROCKFORD):
        return None
    milliseconds = 0
    for letter in written:
        milliseconds = milliseconds << 5 | CROCKFORD.index(letter)
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _in_base32(number: int) -> str:
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
