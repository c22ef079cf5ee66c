"""The circuit breaker of a credential: after failures nothing is sent with it but one probe at a time.

CLOSED ─► OPEN ─► HALF_OPEN ─► CLOSED
            ▲         │
            └─────────┘
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from aijobs.domain.jobs.submissions import Accepted, Rejected, SubmitOutcome, Unknown

FAILURES: Final = 5
"""So many in a row open the circuit: answers that are no answers, and connections that are not made."""

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=2)
"""Each probe that fails doubles the pause before the next one."""

PROBE_WITHIN: Final = timedelta(minutes=3)
"""After this long, whoever has taken the probe has died."""

UNREACHABLE: Final = "provider_unreachable"


class CircuitState(StrEnum):
    """Whether a credential is used."""

    CLOSED = "closed"  #: it works
    OPEN = "open"  #: not before `until`
    HALF_OPEN = "half_open"  #: one job tries


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """How one credential stands. `failures` in a row; `since` and `reason` of what was wrong last.

    `until`: before that no probe is sent, or the one that is under way is waited for. `is_blocked`: the vendor takes
    nothing before somebody pays, or grants something, there.
    """

    credential: str
    state: CircuitState = CircuitState.CLOSED
    failures: int = 0
    reason: str | None = None
    is_blocked: bool = False
    since: datetime | None = None
    until: datetime | None = None
    pause: timedelta = timedelta(0)

    @property
    def is_closed(self) -> bool:
        return self.state is CircuitState.CLOSED

    def is_due(self, now: datetime) -> bool:
        """Whether a probe may be sent."""
        return not self.is_closed and (self.until is None or self.until <= now)

    def probing(self, now: datetime) -> "Circuit":
        return replace(self, state=CircuitState.HALF_OPEN, until=now + PROBE_WITHIN)

    def given_back(self, now: datetime) -> "Circuit":
        """The probe was not sent: the next job may be one."""
        return replace(self, state=CircuitState.OPEN, until=now)

    def after(self, outcome: SubmitOutcome, *, now: datetime, is_probe: bool) -> "Circuit":
        """What an outcome of a submission means for it. What was sent before it opened means nothing."""
        match outcome:
            case _ if not self.is_closed and not is_probe:
                return self
            case Rejected(account_must_act=True):
                return replace(self._opened(outcome.message, now), is_blocked=True)
            case Unknown(cause):
                return self._failed(cause, now)
            case Rejected(code=code) if code == UNREACHABLE:
                return self._failed(outcome.message, now)
            case Rejected(may_retry=True):  # too much at once, perhaps of others
                return replace(self, state=CircuitState.OPEN, until=now + FIRST_PAUSE) if is_probe else self
            case Accepted() | Rejected():
                return Circuit(credential=self.credential)

    def _failed(self, reason: str, now: datetime) -> "Circuit":
        failures = self.failures + 1
        if self.is_closed and failures < FAILURES:
            return replace(self, failures=failures, reason=reason, since=now)
        return self._opened(reason, now)

    def _opened(self, reason: str, now: datetime) -> "Circuit":
        pause = min(max(self.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        return replace(
            self,
            state=CircuitState.OPEN,
            failures=self.failures + 1,
            reason=reason,
            is_blocked=False,
            since=now,
            until=now + pause,
            pause=pause,
        )


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The credential that a job is sent with. `is_clean`: nothing is known against it. `is_probe`: the one of all."""

    credential: str
    is_clean: bool = True
    is_probe: bool = False
