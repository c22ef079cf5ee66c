"""When a server wants to be asked again (Retry-After, RFC 9110 10.2.3)."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def parsed_retry_after(written: str | None, *, at_most: timedelta) -> timedelta | None:
    """Seconds or a date; nothing where it is neither."""
    text = (written or "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return timedelta(seconds=min(float(text), at_most.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year of twenty digits fits no date
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment - datetime.now(UTC), timedelta(0)), at_most)
