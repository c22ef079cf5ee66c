"""Public ids: a prefix and 26 Crockford base32 characters of a UUIDv7 (RFC 9562), so that they sort by time."""

import os
import time
from typing import Final

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _uuid7() -> int:
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    high, low = random >> 62 & 0xFFF, random & (1 << 62) - 1
    return milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low


def new_id(prefix: str) -> str:
    """For example `job_06EY…` for `new_id("job")`."""
    number = _uuid7()
    return f"{prefix}_" + "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
