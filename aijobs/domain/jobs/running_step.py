"""The step that a job's workflow waits for, and what its last question to the provider brought, in our own words."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aijobs.domain.jobs.polling import NO_NEWS
from aijobs.domain.jobs.submissions import Search
from aijobs.domain.lifecycle import JobStatus

WATCH: Final = "watch"  #: the step that asks the provider

_NO_NEWS: Final = re.compile(
    r"(?P<status>[A-Z]+)(?:, (?P<ahead>\d+) in line)?(?:, (?P<unit>\d+) %)?(?P<doubted> \(not believed yet\))?"
)
_SEARCHED: Final = "submission outcome unknown, searched: "


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A provider's answer that brought nothing new. `searched`: of a search for a submission whose answer was lost.

    `is_doubted`: it says that it knows nothing of the job, which is not believed at once.
    """

    status: JobStatus | None = None
    ahead: int | None = None
    unit: int | None = None
    is_doubted: bool = False
    searched: Search | None = None


@dataclass(frozen=True, kw_only=True)
class RunningStep:
    """`attempt` counts from 1: while the step waits for `next_at`, it is the number of the next one.

    `ended_at`, `ended_with` and `kind` are of the attempt before: the time, the words and the type of its error.
    """

    name: str
    attempt: int
    is_running: bool
    next_at: datetime | None
    ended_at: datetime | None
    ended_with: str | None
    kind: str | None

    @property
    def answer(self) -> Answer | None:
        """What the last question has brought; None where there was none, or it brought an error."""
        return answer_in(self.ended_with) if self.kind == NO_NEWS and self.ended_with else None

    @property
    def error(self) -> str | None:
        """The code of the error with which the last attempt ended, where it was one."""
        is_error = self.kind is not None and self.kind == self.kind.lower()
        return self.kind if is_error else None


def no_news(status: JobStatus, *, ahead: int | None, unit: float | None) -> str:
    """The words for a question that brought nothing new: the vendor's own are not for Temporal's history."""
    position = "" if ahead is None else f", {ahead} in line"
    return f"{status.name}{position}{'' if unit is None else f', {unit:.0f} %'}"


def not_believed(status: JobStatus) -> str:
    return f"{status.name} (not believed yet)"


def searched(search: Search) -> str:
    """The words for a search that found nothing."""
    return f"{_SEARCHED}{search}"


def answer_in(words: str) -> Answer | None:
    """What such words say; None for any others."""
    if words.startswith(_SEARCHED):
        found = words.removeprefix(_SEARCHED)
        return Answer(searched=Search(found)) if found in set(Search) else None
    match = _NO_NEWS.fullmatch(words)
    if match is None or match["status"] not in JobStatus.__members__:
        return None
    return Answer(
        status=JobStatus[match["status"]],
        ahead=int(match["ahead"]) if match["ahead"] else None,
        unit=int(match["unit"]) if match["unit"] else None,
        is_doubted=match["doubted"] is not None,
    )
