"""How long to wait before the next attempt, and when to give up."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from aijobs_client.errors import ApiError, ClientError, Unreachable

FIRST_PAUSE: Final = 0.5  #: seconds, as everything here
LONGEST_PAUSE: Final = 10.0
SHORTEST_PAUSE: Final = 0.1  #: also where a server says `Retry-After: 0`
LONGEST_RETRY_AFTER: Final = 3600.0

#: Statuses after which the same request may succeed.
TRY_LATER: Final = frozenset({429, 502, 503, 504})
#: The first request with this idempotency key is still in progress.
IN_FLIGHT: Final = "idempotency_in_flight"

Clock = Callable[[], float]


class Retrying:
    """Retries for at most `retry_for` seconds after the first error. `clock` counts seconds."""

    def __init__(self, retry_for: float, *, clock: Clock = time.monotonic) -> None:
        self._retry_for = retry_for
        self._clock = clock
        self._failing_since: float | None = None
        self._tries = 0

    def reset(self) -> None:
        """A request succeeded: the time counts again from the next error."""
        self._failing_since, self._tries = None, 0

    def pause_after(self, error: ClientError) -> float:
        """Seconds until the next attempt. Raises the error itself when that attempt would be too late."""
        now = self._clock()
        self._failing_since = now if self._failing_since is None else self._failing_since
        pause = _pause(error, self._tries)
        self._tries += 1
        if now + pause - self._failing_since > self._retry_for:
            raise error
        return pause


def is_transient(error: ClientError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, ApiError):
        return error.status in TRY_LATER or error.code == IN_FLIGHT
    return isinstance(error, Unreachable)


def _pause(error: ClientError, tries: int) -> float:
    if isinstance(error, ApiError) and error.retry_after is not None:
        return max(error.retry_after, SHORTEST_PAUSE)
    longest = min(FIRST_PAUSE * (1 << min(tries, 10)), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)


def parsed_retry_after(header: str) -> float | None:
    """Seconds, from seconds or a date (RFC 9110 10.2.3); None when it is neither."""
    if header.isascii() and header.strip().isdigit():
        return min(float(header.strip()[:9]), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError):  # a year of twenty digits fits no date
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_RETRY_AFTER)
