"""How long to wait before another try, and when there is no other."""

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

#: Answers after which the same request may succeed.
TRY_LATER: Final = frozenset({429, 502, 503, 504})
#: The first request with this key is still being answered.
IN_FLIGHT: Final = "idempotency_in_flight"

Clock = Callable[[], float]


class Retrying:
    """Trouble that lasts no longer than `patience` seconds is waited out. `clock` counts seconds."""

    def __init__(self, patience: float, *, clock: Clock = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._since: float | None = None
        self._tries = 0

    def went_well(self) -> None:
        """What comes after this is new trouble."""
        self._since, self._tries = None, 0

    def pause_after(self, trouble: ClientError) -> float:
        """Seconds until the next try. Raises the trouble itself when that would be too late."""
        now = self._clock()
        self._since = now if self._since is None else self._since
        pause = _pause(trouble, self._tries)
        self._tries += 1
        if now + pause - self._since > self._patience:
            raise trouble
        return pause


def is_passing(trouble: ClientError) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(trouble, ApiError):
        return trouble.status in TRY_LATER or trouble.code == IN_FLIGHT
    return isinstance(trouble, Unreachable)


def _pause(trouble: ClientError, tries: int) -> float:
    if isinstance(trouble, ApiError) and trouble.retry_after is not None:
        return max(trouble.retry_after, SHORTEST_PAUSE)
    longest = min(FIRST_PAUSE * (1 << min(tries, 10)), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)


def parsed_retry_after(written: str) -> float | None:
    """Seconds, from seconds or a date (RFC 9110 10.2.3); nothing where it is neither."""
    if written.isascii() and written.strip().isdigit():
        return min(float(written.strip()[:9]), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(written)
    except (ValueError, OverflowError):  # a year of twenty digits fits no date
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_RETRY_AFTER)
