"""Who is next in a line, as it stands: what is in flight, who waits, and what the limits leave."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

from sqlalchemy import Table, and_, bindparam, func, insert, select, update
from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import UnknownModel
from aijobs.domain.jobs.slots.fair_queue import UserTurns, WaitingGroup, next_in
from aijobs.domain.jobs.slots.limits import MINUTE, NO_MODEL_LIMITS, SECOND, LimitsSettings, ModelLimits, Rate
from aijobs.domain.jobs.waiting import WaitFor
from aijobs.domain.values.audit import Act, ActKind
from aijobs.persistence.added_models import model_of
from aijobs.persistence.audit_log import record
from aijobs.persistence.database import connection_of
from aijobs.persistence.slots.line import VendorLine, settle_probe
from aijobs.persistence.tables import UserShareRow, UserTurnRow
from aijobs.persistence.tables.slots import SLOTS, SlotState

GRANT_LEASE: Final = timedelta(minutes=1)
"""A slot that was granted and is not used by then goes to another job: its own worker may be away."""

SHARES: Final[Table] = UserShareRow.__table__  # type: ignore[attr-defined]
TURNS: Final[Table] = UserTurnRow.__table__  # type: ignore[attr-defined]

IN_FLIGHT: Final = SLOTS.c.state != SlotState.WAITING
OF_LINE: Final = SLOTS.c.credential == bindparam("of_credential")
WAITS: Final = and_(OF_LINE, SLOTS.c.state == SlotState.WAITING)
_OF_GROUP: Final = and_(WAITS, SLOTS.c.user_id == bindparam("of_user"), SLOTS.c.model_id == bindparam("of_model"))

_IN_FLIGHT: Final = (
    select(SLOTS.c.credential, SLOTS.c.model_id, SLOTS.c.user_id, func.count())
    .where(IN_FLIGHT)
    .group_by(SLOTS.c.credential, SLOTS.c.model_id, SLOTS.c.user_id)
)
_WAITING: Final = (
    select(
        SLOTS.c.user_id,
        SLOTS.c.model_id,
        func.count().label("number"),
        func.min(SLOTS.c.rank_at).label("first"),
        func.max(TURNS.c.turn).label("turn"),
        func.max(SHARES.c.weight).label("weight"),
        func.max(SHARES.c.in_flight).label("in_flight"),
    )
    .select_from(
        SLOTS.outerjoin(SHARES, SHARES.c.user_id == SLOTS.c.user_id).outerjoin(
            TURNS, and_(TURNS.c.user_id == SLOTS.c.user_id, TURNS.c.credential == SLOTS.c.credential)
        )
    )
    .where(WAITS)
    .group_by(SLOTS.c.user_id, SLOTS.c.model_id)
)
_FIRST_TWO: Final = select(SLOTS.c.job_code, SLOTS.c.rank_at).where(_OF_GROUP).order_by(SLOTS.c.rank_at).limit(2)
_GRANT: Final = (
    update(SLOTS)
    .where(SLOTS.c.job_code == bindparam("of_job"))
    .values(state=SlotState.GRANTED, lease_until=bindparam("until"), nudged_at=None)
)
_SET_TURN: Final = (
    update(TURNS)
    .where(TURNS.c.credential == bindparam("of_credential"), TURNS.c.user_id == bindparam("of_user"))
    .values(turn=bindparam("to"))
)
_LAPSED: Final = (
    update(SLOTS)
    .where(OF_LINE, SLOTS.c.state == SlotState.GRANTED, SLOTS.c.lease_until < bindparam("time"))
    .values(state=SlotState.WAITING, rank_at=bindparam("time"), lease_until=None)
)
_DOUBT_IS_OVER: Final = SLOTS.delete().where(
    OF_LINE, SLOTS.c.state == SlotState.HELD, SLOTS.c.lease_until < bindparam("time")
)


@dataclass(frozen=True)
class SlotRules:
    """What the settings and the catalogue allow."""

    limits: LimitsSettings
    catalogue: Catalogue

    def of_model(self, session: Session, model_id: str) -> ModelLimits:
        """None for a model that is no longer known: what waits of it may start, and then ends."""
        try:
            return model_of(session, self.catalogue, model_id).limits
        except UnknownModel:
            return NO_MODEL_LIMITS

    def user_model_in_flight(self, model: ModelLimits) -> int | None:
        return model.user_in_flight or self.limits.user_model_in_flight

    def rates(self, credential: str, model_id: str, model: ModelLimits) -> Iterator[tuple[str, Rate]]:
        """All rates that a submit takes from, by their names in the line."""
        of_credential = self.limits.of_credential(credential)
        if of_credential.per_minute:
            yield "minute", Rate(of_credential.per_minute, MINUTE)
        if of_credential.per_second:
            yield "second", Rate(of_credential.per_second, SECOND)
        if model.per_minute:
            yield f"minute of {model_id}", Rate(model.per_minute, MINUTE)


class InFlight(NamedTuple):
    """Jobs in flight, those to which a slot is granted included."""

    credentials: Counter[str]
    models: Counter[str]
    users: Counter[str]
    users_models: Counter[tuple[str, str]]

    def add(self, credential: str, model_id: str, user_id: str, count: int = 1) -> None:
        self.credentials[credential] += count
        self.models[model_id] += count
        self.users[user_id] += count
        self.users_models[user_id, model_id] += count


class Obstacle(NamedTuple):
    """What keeps a job from starting. `ready_in`: seconds, where that is known."""

    kind: WaitFor
    ready_in: float | None = None


@dataclass
class Outlook:
    """A line with what is in flight and who waits."""

    session: Session
    line: VendorLine
    rules: SlotRules
    in_flight: InFlight
    waiting: dict[tuple[str, str], WaitingGroup]
    turns: UserTurns
    caps: Mapping[str, int | None]
    models: dict[str, ModelLimits] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session, line: VendorLine, rules: SlotRules) -> "Outlook":
        connection = connection_of(session)
        in_flight = InFlight(Counter(), Counter(), Counter(), Counter())
        for credential, model_id, user_id, count in connection.execute(_IN_FLIGHT):
            in_flight.add(credential, model_id, user_id, count)
        rows = connection.execute(_WAITING, {"of_credential": line.credential}).all()
        turns = UserTurns(
            virtual_time=line.virtual_time,
            of={row.user_id: row.turn for row in rows if row.turn is not None},
            weights={row.user_id: row.weight for row in rows if row.weight is not None},
        )
        waiting = {
            (row.user_id, row.model_id): WaitingGroup(row.user_id, row.model_id, row.number, row.first) for row in rows
        }
        caps = {row.user_id: row.in_flight for row in rows}
        return cls(session, line, rules, in_flight, waiting, turns, caps)

    def obstacle(self, user_id: str, model_id: str) -> Obstacle | None:
        """What keeps a job of this user and model from starting now; None when nothing does."""
        model, line, limits = self._model(model_id), self.line, self.rules.limits
        if line.is_blocked:
            assert line.blocked_until is not None, "it is blocked"
            return Obstacle(WaitFor.RATE_LIMIT, (line.blocked_until - line.time).total_seconds())
        if line.is_probing and line.probe is not None:
            return Obstacle(WaitFor.RATE_LIMIT)
        if _is_full(self.in_flight.users[user_id], self.caps.get(user_id) or limits.user_in_flight) or _is_full(
            self.in_flight.users_models[user_id, model_id], self.rules.user_model_in_flight(model)
        ):
            return Obstacle(WaitFor.USER_SLOT)
        if _is_full(
            self.in_flight.credentials[line.credential], limits.of_credential(line.credential).in_flight
        ) or _is_full(self.in_flight.models[model_id], model.in_flight):
            return Obstacle(WaitFor.PROVIDER_SLOT)
        rates = self.rules.rates(line.credential, model_id, model)
        ready_in = max((line.ready_in(name, rate) for name, rate in rates), default=0)
        return Obstacle(WaitFor.RATE_LIMIT, ready_in) if ready_in > 0 else None

    def is_model_full(self, model_id: str) -> bool:
        """Whether it is its model's own limit that a job waits for."""
        return _is_full(self.in_flight.models[model_id], self._model(model_id).in_flight)

    def may_start(self, group: WaitingGroup) -> bool:
        return self.obstacle(group.user_id, group.model_id) is None

    def is_anybody_next(self) -> bool:
        return next_in(self.waiting.values(), self.turns, self.may_start) is not None

    def take_rates(self, model_id: str) -> None:
        for name, rate in self.rules.rates(self.line.credential, model_id, self._model(model_id)):
            self.line.take(name, rate)

    def _model(self, model_id: str) -> ModelLimits:
        if model_id not in self.models:
            self.models[model_id] = self.rules.of_model(self.session, model_id)
        return self.models[model_id]

    def grant_next(self) -> str | None:
        """The code of the job that has been granted a slot; None when no more may start."""
        connection, line = connection_of(self.session), self.line
        while (chosen := next_in(self.waiting.values(), self.turns, self.may_start)) is not None:
            key = (chosen.user_id, chosen.model_id)
            of_group = {"of_credential": line.credential, "of_user": chosen.user_id, "of_model": chosen.model_id}
            if found := connection.execute(_FIRST_TWO, of_group).all():
                break
            del self.waiting[key]  # they have left meanwhile
        else:
            return None
        first, *second = found
        connection.execute(_GRANT, {"of_job": first.job_code, "until": line.time + GRANT_LEASE})
        self.turns.start(chosen.user_id, {group.user_id for group in self.waiting.values() if self.may_start(group)})
        set_turn(self.session, line.credential, chosen.user_id, self.turns.of[chosen.user_id])
        self.in_flight.add(line.credential, chosen.model_id, chosen.user_id)
        self.take_rates(chosen.model_id)
        if line.is_probing:
            line.probe = first.job_code
        line.virtual_time = self.turns.virtual_time
        line.count_start()
        if second:
            self.waiting[key] = chosen._replace(jobs=chosen.jobs - 1, first=second[0].rank_at)
        else:
            del self.waiting[key]
        return str(first.job_code)


def serve(session: Session, line: VendorLine, rules: SlotRules) -> tuple[list[str], Outlook]:
    """Grant what a locked line has to the jobs that are next, whose codes are returned. The line is to be saved."""
    settle_probe(session, line)
    at = {"of_credential": line.credential, "time": line.time}
    connection_of(session).execute(_LAPSED, at)
    connection_of(session).execute(_DOUBT_IS_OVER, at)
    outlook, granted = Outlook.of(session, line, rules), list[str]()
    while (code := outlook.grant_next()) is not None:
        granted.append(code)
    return granted, outlook


def set_share(session: Session, user_id: str, *, weight: float, in_flight: int | None) -> None:
    """Give a user a share of their own. Without `in_flight`, what is set for everybody holds."""
    own = session.get(UserShareRow, user_id)
    before = None if own is None else {"weight": own.weight, "in_flight": own.in_flight}
    session.merge(UserShareRow(user_id=user_id, weight=weight, in_flight=in_flight))
    after = {"weight": weight, "in_flight": in_flight}
    record(session, Act(kind=ActKind.SHARE_SET, target=user_id, user_id=user_id, before=before, after=after))


def set_turn(session: Session, credential: str, user_id: str, turn: float) -> None:
    """The line is locked."""
    connection = connection_of(session)
    key = {"of_credential": credential, "of_user": user_id}
    if connection.execute(_SET_TURN, {**key, "to": turn}).rowcount == 0:
        connection.execute(insert(TURNS), {"credential": credential, "user_id": user_id, "turn": turn})


def _is_full(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit
