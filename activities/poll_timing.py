"""When a question is asked, and when the next one is due.

All moments are by the clock of Temporal's server, which is one for all hosts.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import activity

from aijobs.domain.jobs.activity_io import PollInput
from aijobs.domain.jobs.events import rfc3339
from aijobs.domain.jobs.generation_times import GenerationTimes
from aijobs.domain.jobs.poll_schedule import PollSchedule
from aijobs.domain.jobs.polling import PollPolicy


@dataclass(frozen=True)
class ProgressGuess:
    """How far a job is by the time alone, in percent. `detail` is what its events say of its end."""

    percent: float
    detail: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class PollTiming:
    """An attempt to ask, in seconds since the provider took the job. `asked`: when it was asked before, or 0."""

    since: datetime
    policy: PollPolicy
    attempt: int
    planned: float
    now: float
    asked: float
    hinted: bool

    @classmethod
    def of(cls, poll_input: PollInput, submitted_at: datetime | None) -> "PollTiming":
        """Of the attempt under way. Without `submitted_at` its seconds are from the first attempt on."""
        info = activity.info()
        since = submitted_at or info.scheduled_time

        def seconds(moment: datetime | None) -> float:
            return max((moment - since).total_seconds(), 0.0) if moment else 0.0

        return cls(
            since=since,
            policy=poll_input.brief.poll,
            attempt=info.attempt,
            planned=seconds(info.current_attempt_scheduled_time),
            now=seconds(info.started_time),
            asked=seconds(poll_input.asked_at),
            hinted=poll_input.hinted and info.attempt == 1,
        )

    def until_due(self, schedule: PollSchedule, *, reports_progress: bool) -> timedelta | None:
        """How long the question is still to wait that follows the last news at once; None: ask now."""
        if self.attempt > 1 or self.hinted or not self.asked:
            return None
        left = self._next(schedule, self.asked, reports_progress=reports_progress) - self.now
        return timedelta(seconds=left) if left > self.policy.first.total_seconds() / 2 else None

    def wait(self, schedule: PollSchedule | None, *, reports_progress: bool, at_least: timedelta | None) -> timedelta:
        """From a question without news to the next one. `at_least` is the provider's own minimum."""
        if schedule is None:
            return self.policy.delay(self.attempt, dice=random.random(), at_least=at_least)
        wait = self._next(schedule, self.now, reports_progress=reports_progress) - self.now
        return max(timedelta(seconds=wait), at_least or timedelta())

    def _next(self, schedule: PollSchedule, asked: float, *, reports_progress: bool) -> float:
        """Where the provider tells its progress, the policy's longest wait is kept: somebody looks at it."""
        due = schedule.next_after(asked, share=self.policy.spread(random.random()))
        return min(due, asked + self.policy.max.total_seconds()) if reports_progress else due

    def guess(self, times: GenerationTimes) -> ProgressGuess | None:
        """None while too little is known."""
        if not times.is_known:
            return None
        end = times.expected_moment(self.since, self.now)
        return ProgressGuess(times.progress(self.now), {"estimated_end": rfc3339(end)} if end else {})

    def earliest_end(self, schedule: PollSchedule | None) -> float:
        """When the question was that found the job unfinished, as near as it can be told; `now` finds its end."""
        if self.hinted:
            return min(self.planned, self.now)
        if self.attempt == 1:
            return self.asked
        if schedule is None:
            before = self.planned - self.policy.delay(self.attempt - 1, dice=0.5).total_seconds()
        else:
            before = schedule.last_before(self.planned)
        return max(before, self.asked)
