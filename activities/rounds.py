"""Work of the whole installation that is done again and again: one activity, which Temporal tries again for each round.

So a day of it is one line in Temporal's list and a handful of events, and between two rounds no worker is occupied.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.heartbeats import remember, remembered
from aijobs.domain.ports.workflow_control import Schedules

ROUND_FOLLOWS: Final = "round_follows"  #: the type of the error with which a round ends, and all is well


class Rounds:
    """Repeats a piece of work `every` so often, while its schedule is there and not paused, until the time of its run
    is over: then the schedule starts the next run.

    `longest`: what one round takes at most. No round begins that could not end in time.
    """

    def __init__(self, schedules: Schedules, schedule: str, *, every: timedelta, longest: timedelta) -> None:
        self._schedules = schedules
        self._schedule = schedule
        self._every = every
        self._longest = longest

    async def go(self, work: Callable[[], Awaitable[int]]) -> int:
        """Do one round. Returns how much all rounds of this run have done, when this was the last of them.

        Otherwise raises the error upon which Temporal begins the next one.
        """
        done = before = remembered() or 0
        done += await work()
        if done != before:
            remember(done)
        if self._time_is_over() or not await self._schedules.goes_on(self._schedule):
            return done
        raise ApplicationError(
            "The next round follows.",
            type=ROUND_FOLLOWS,
            next_retry_delay=self._every,
            category=ApplicationErrorCategory.BENIGN,
        )

    def _time_is_over(self) -> bool:
        """Runs that a schedule of an older version started have time for one round."""
        info = activity.info()
        if info.schedule_to_close_timeout is None:
            return True
        ends_at = info.scheduled_time + info.schedule_to_close_timeout
        return datetime.now(UTC) + self._every + self._longest > ends_at
