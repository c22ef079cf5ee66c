"""Public ids: a prefix and 26 Crockford base32 characters of a UUIDv7 (RFC 9562), so that they sort by time."""

import os
import time
from datetime import datetime
from typing import Final

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
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


def _in_base32(number: int) -> str:
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
