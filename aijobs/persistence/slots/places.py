"""The place in line of jobs that wait, by the same order in which slots are granted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import bindparam, func, or_, select
from sqlmodel import Session

from aijobs.domain.jobs.slots.fair_queue import ahead_of
from aijobs.domain.jobs.waiting import WaitFor
from aijobs.persistence.database import connection_of
from aijobs.persistence.slots.line import line_as_it_is
from aijobs.persistence.slots.outlook import WAITS, Outlook, SlotRules
from aijobs.persistence.tables import JobRow
from aijobs.persistence.tables.slots import SLOTS, SlotState

_OF_JOBS: Final = select(SLOTS).where(
    SLOTS.c.job_code.in_(bindparam("codes", expanding=True)), SLOTS.c.state == SlotState.WAITING
)
_OWN_AHEAD: Final = select(func.count()).where(
    WAITS,
    SLOTS.c.user_id == bindparam("of_user"),
    or_(bindparam("any_model"), SLOTS.c.model_id == bindparam("of_model")),
    SLOTS.c.rank_at < bindparam("rank"),
)


class PlaceInLine(NamedTuple):
    """How many jobs start before one, if nobody comes, and about when it starts, where enough have started to tell."""

    ahead: int
    estimated_start: datetime | None

    @property
    def position(self) -> int:
        return self.ahead + 1


def places_of(session: Session, jobs: Sequence[JobRow], rules: SlotRules) -> Mapping[str, PlaceInLine]:
    """The places of those that wait in line, by their codes."""
    codes = [job.code for job in jobs if job.has_slot and not job.job_status.is_final]
    if not codes:
        return {}
    outlooks, places = dict[str, Outlook | None](), dict[str, PlaceInLine]()
    for row in connection_of(session).execute(_OF_JOBS, {"codes": codes}).mappings():
        credential = row["credential"]
        if credential not in outlooks:
            line = line_as_it_is(session, credential)
            outlooks[credential] = Outlook.of(session, line, rules) if line is not None else None
        if (outlook := outlooks[credential]) is not None:
            places[row["job_code"]] = _place(session, outlook, row["user_id"], row["model_id"], row["rank_at"])
    return places


def _place(session: Session, outlook: Outlook, user_id: str, model_id: str, rank: datetime) -> PlaceInLine:
    """Among those that compete for what it waits for: the user's own, those of its model, or all of the line."""
    obstacle = outlook.obstacle(user_id, model_id)
    own_alone = obstacle is not None and obstacle.kind is WaitFor.USER_SLOT
    of_model = outlook.is_model_full(model_id)
    of = {"of_credential": outlook.line.credential, "of_user": user_id, "of_model": model_id}
    counted = connection_of(session).execute(_OWN_AHEAD, {**of, "any_model": not of_model, "rank": rank})
    rivals = [
        group
        for group in outlook.waiting.values()
        if (group.model_id == model_id or not of_model) and (group.user_id == user_id or not own_alone)
    ]
    ahead = ahead_of(user_id, counted.scalar_one(), rivals, outlook.turns)
    return PlaceInLine(ahead, None if own_alone else _estimate(outlook, ahead))


def _estimate(outlook: Outlook, ahead: int) -> datetime | None:
    line = outlook.line
    if line.pace is None:
        return None
    opens = line.blocked_until if line.is_blocked and line.blocked_until is not None else line.time
    return opens + timedelta(seconds=line.pace * (ahead + 1))
