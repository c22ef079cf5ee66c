"""Parsing Retry-After (RFC 9110 10.2.3)."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def parsed_retry_after(value: str | None, *, at_most: timedelta) -> timedelta | None:
    """The wait from a number of seconds or an HTTP date, at most `at_most`; None when it is neither."""
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return timedelta(seconds=min(float(text), at_most.total_seconds()))
    try:
        time = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year of twenty digits fits no date
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return min(max(time - datetime.now(UTC), timedelta(0)), at_most)
