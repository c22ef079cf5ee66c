"""A job takes a slot, waits for one, gives it back, or keeps it while its vendor may still be at work."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import ScalarSelect, bindparam, delete, exists, func, insert, or_, select, update
from sqlmodel import Session

from aijobs.domain.jobs.slots.fair_queue import UserTurns, rank
from aijobs.domain.jobs.waiting import WaitFor
from aijobs.persistence.database import connection_of
from aijobs.persistence.slots.line import LINES, VendorLine, locked_line
from aijobs.persistence.slots.outlook import (
    IN_FLIGHT,
    SHARES,
    TURNS,
    WAITS,
    Obstacle,
    SlotRules,
    serve,
    set_turn,
)
from aijobs.persistence.tables.locked_jobs import JOBS, AnyJob
from aijobs.persistence.tables.slots import SLOTS, SlotState

LOOK_AGAIN: Final = timedelta(seconds=30)
"""A job that waits looks by itself after so long: it is told when it has a slot, and this is for when it was not."""

#: Whether a job may have to wait although no setting limits it: by its user's own limit, or since its vendor refused.
IS_HELD_UP: Final[ScalarSelect[bool]] = select(
    or_(
        exists().where(LINES.c.credential == bindparam("of_credential"), LINES.c.is_probing),
        exists().where(SHARES.c.user_id == JOBS.c.user_id, SHARES.c.in_flight.is_not(None)).correlate(JOBS),
    )
).scalar_subquery()

#: The credential in whose line a job is.
OWN_LINE: Final[ScalarSelect[str]] = (
    select(SLOTS.c.credential).where(SLOTS.c.job_code == JOBS.c.code).correlate(JOBS).scalar_subquery()
)

_OF_JOB: Final = SLOTS.c.job_code == bindparam("of_job")
_PLACE: Final = select(SLOTS.c.state, SLOTS.c.credential).where(_OF_JOB)
_HOLD: Final = update(SLOTS).where(_OF_JOB).values(state=SlotState.HELD, lease_until=None)
_ENTER: Final = insert(SLOTS)
_LEAVE: Final = delete(SLOTS).where(_OF_JOB)
_KEEP: Final = update(SLOTS).where(_OF_JOB, SLOTS.c.state == SlotState.HELD).values(lease_until=bindparam("until"))
_USER: Final = SLOTS.c.user_id == bindparam("of_user")
_MODEL: Final = SLOTS.c.model_id == bindparam("of_model")

#: What is in flight beside a job, its user's own limit, and whether anybody waits before it.
_BESIDE: Final = select(
    func.count().filter(SLOTS.c.credential == bindparam("of_credential")).label("credential"),
    func.count().filter(_MODEL).label("model"),
    func.count().filter(_USER).label("user"),
    func.count().filter(_USER, _MODEL).label("user_model"),
    select(SHARES.c.in_flight).where(SHARES.c.user_id == bindparam("of_user")).scalar_subquery().label("cap"),
    select(exists().where(WAITS)).scalar_subquery().label("is_line"),
).where(IN_FLIGHT)
_USERS_LINE: Final = select(
    select(exists().where(WAITS, _USER)).scalar_subquery().label("is_line"),
    select(TURNS.c.turn)
    .where(TURNS.c.credential == bindparam("of_credential"), TURNS.c.user_id == bindparam("of_user"))
    .scalar_subquery()
    .label("turn"),
)


class InLine(NamedTuple):
    """What a job waits for in line, after which time it looks again, and when it may go on, where that is known."""

    kind: WaitFor
    look_again: timedelta
    ready_in: timedelta | None


def admit(session: Session, job: AnyJob, *, credential: str, rules: SlotRules, is_held_up: bool) -> InLine | None:
    """Take a slot for a locked job that is about to be sent. None: it has one, or needs none; otherwise it waits.

    Without a limit that could bound the job, and unless `is_held_up`, no statement is executed.
    """
    model = rules.of_model(session, job.model_id)
    if not job.has_slot and not is_held_up and not rules.limits.bound(credential, model):
        return None
    line, connection = locked_line(session, credential), connection_of(session)
    place = connection.execute(_PLACE, {"of_job": job.code}).one_or_none() if job.has_slot else None
    if place is not None and place.credential != credential:
        connection.execute(_LEAVE, {"of_job": job.code})
        place = None
    if place is None and _take_at_once(session, job, line, rules):
        return None
    if place is None:
        _come(session, job, line)
        _enter(session, job, line, SlotState.WAITING)
    if place is None or place.state == SlotState.WAITING:
        granted, outlook = serve(session, line, rules)
        line.save(session)
        if job.code not in granted:
            return _in_line(outlook.obstacle(job.user_id, job.model_id))
    connection.execute(_HOLD, {"of_job": job.code})
    return None


def give_back(session: Session, job: AnyJob, *, at: datetime | None = None) -> None:
    """The vendor has nothing more to do for a locked job, or the job waits no longer.

    With `at` the job ends while its vendor may be at work: a slot that it holds is free when that is known, or then.
    """
    if not job.has_slot:
        return
    connection = connection_of(session)
    if at is None or connection.execute(_KEEP, {"of_job": job.code, "until": at}).rowcount == 0:
        connection.execute(_LEAVE, {"of_job": job.code})
        job.has_slot = False


def reject(session: Session, job: AnyJob, credential: str, *, retry_after: timedelta | None) -> None:
    """The vendor has refused a locked job. With `retry_after` it refuses everything of this credential for so long."""
    give_back(session, job)
    if retry_after is None:
        return
    line = locked_line(session, credential)
    line.block(retry_after)
    line.save(session)


def _take_at_once(session: Session, job: AnyJob, line: VendorLine, rules: SlotRules) -> bool:
    """Whether nobody waits and there is room: then the job has its slot."""
    if line.is_blocked or line.is_probing:
        return False
    of = {"of_credential": line.credential, "of_user": job.user_id, "of_model": job.model_id}
    beside = connection_of(session).execute(_BESIDE, of).one()
    model, limits = rules.of_model(session, job.model_id), rules.limits
    bounds = (
        (beside.credential, limits.of_credential(line.credential).in_flight),
        (beside.model, model.in_flight),
        (beside.user, beside.cap or limits.user_in_flight),
        (beside.user_model, rules.user_model_in_flight(model)),
    )
    if beside.is_line or any(limit is not None and count >= limit for count, limit in bounds):
        return False
    rates = list(rules.rates(line.credential, job.model_id, model))
    if any(line.ready_in(name, rate) > 0 for name, rate in rates):
        return False
    for name, rate in rates:
        line.take(name, rate)
    line.save(session)
    _enter(session, job, line, SlotState.HELD)
    return True


def _enter(session: Session, job: AnyJob, line: VendorLine, state: SlotState) -> None:
    row = {
        "job_code": job.code,
        "credential": line.credential,
        "model_id": job.model_id,
        "user_id": job.user_id,
        "state": state,
        "priority": job.priority,
        "rank_at": rank(job.begins_at, job.priority),
        "since": line.time,
    }
    connection_of(session).execute(_ENTER, row)
    job.has_slot = True


def _come(session: Session, job: AnyJob, line: VendorLine) -> None:
    """The first waiting job of a user in this line gives the user a turn, which then stays."""
    of = {"of_credential": line.credential, "of_user": job.user_id}
    own = connection_of(session).execute(_USERS_LINE, of).one()
    if own.is_line:
        return
    turns = UserTurns(virtual_time=line.virtual_time, of={} if own.turn is None else {job.user_id: own.turn})
    turn = turns.come(job.user_id)
    if turn != own.turn:
        set_turn(session, line.credential, job.user_id, turn)


def _in_line(obstacle: Obstacle | None) -> InLine:
    """It looks again later than it may go on: it is told then, if it is the next."""
    if obstacle is None or obstacle.ready_in is None:
        return InLine(obstacle.kind if obstacle else WaitFor.PROVIDER_SLOT, LOOK_AGAIN, None)
    ready_in = timedelta(seconds=obstacle.ready_in)
    return InLine(obstacle.kind, ready_in + LOOK_AGAIN, ready_in)
