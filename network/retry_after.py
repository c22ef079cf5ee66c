"""When a server wants to be asked again (Retry-After, RFC 9110 10.2.3)."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


def parsed_retry_after(written: str | None, *, at_most: timedelta) -> timedelta | None:
    """Seconds or a date; nothing where it is neither."""
    if written is None:
        return None
    if written.isascii() and written.strip().isdigit():
        return min(timedelta(seconds=int(written.strip()[:9])), at_most)
    try:
        moment = parsedate_to_datetime(written)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return min(max(moment - datetime.now(UTC), timedelta(0)), at_most)
