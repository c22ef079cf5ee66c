"""The order in which waiting jobs get the slots of a vendor: shares between users, then priority, then age.

Each user has a turn, a place in virtual time. Whoever has the earliest turn among those who may start one is next, and
each start moves the user's turn by 1 / weight: so starts are shared by weight (start-time fair queueing, Goyal, Vin and
Cheng 1996). A user who comes, or comes back, is `HEAD_START` ahead, which is as many starts with a weight of 1: ten
jobs do not wait behind somebody's thousand. Who could not start for a while, by a limit of their own, catches up with
no more than that.

Nobody starves. While the next job of a user waits and could start, its turn stays where it is, and each start moves
virtual time by at least `CREEP` / (the weights of all who could start). Whoever comes when virtual time is further than
`HEAD_START` beyond that turn comes behind it; so does, after one start, whoever was held back before. That is
`longest_wait`, however many users come.

Among the jobs of one user, a level of priority is worth `LEVEL`: a job is overtaken by those that came up to that much
later with the next higher priority, and by none that came later still.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

HEAD_START: Final = 10.0
CREEP: Final = 0.25
LEVEL: Final = timedelta(hours=4)

FIRST_PRIORITY: Final = 1
DEFAULT_PRIORITY: Final = 3
LAST_PRIORITY: Final = 5

DEFAULT_WEIGHT: Final = 1.0
LEAST_WEIGHT: Final = 0.01
MOST_WEIGHT: Final = 1000.0


class WaitingGroup(NamedTuple):
    """The waiting jobs of a user and a model. `first` is the least rank among them."""

    user_id: str
    model_id: str
    jobs: int
    first: datetime


def rank(accepted_at: datetime, priority: int) -> datetime:
    """By which the jobs of one user are ordered."""
    return accepted_at + (priority - DEFAULT_PRIORITY) * LEVEL


@dataclass
class UserTurns:
    """The turn of each user, and virtual time. Weights that are missing are 1."""

    virtual_time: float = 0.0
    of: dict[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def weight(self, user_id: str) -> float:
        return self.weights.get(user_id, DEFAULT_WEIGHT)

    @property
    def newcomers(self) -> float:
        """The turn of one who comes now, having had none lately."""
        return self.virtual_time - HEAD_START

    def turn(self, user_id: str) -> float:
        return self.of.get(user_id, self.newcomers)

    def come(self, user_id: str) -> float:
        """The user's first job begins to wait: returns their turn, which stays until one of them starts."""
        self.of[user_id] = max(self.turn(user_id), self.newcomers)
        return self.of[user_id]

    def start(self, user_id: str, among: Collection[str]) -> float:
        """One job of the user starts, where these users could have started one. Returns the user's next turn."""
        turn = max(self.turn(user_id), self.newcomers)
        weights = sum(self.weight(other) for other in {*among, user_id})
        self.virtual_time = max(self.virtual_time, turn) + CREEP / weights
        self.of[user_id] = turn + 1 / self.weight(user_id)
        return self.of[user_id]


def next_in(
    waiting: Iterable[WaitingGroup], turns: UserTurns, may_start: Callable[[WaitingGroup], bool]
) -> WaitingGroup | None:
    """Whose job is next among those that may start, and of which model; None when none may."""
    startable = [group for group in waiting if group.jobs and may_start(group)]
    if not startable:
        return None
    return min(startable, key=lambda group: (turns.turn(group.user_id), group.first, group.user_id, group.model_id))


def ahead_of(user_id: str, own_ahead: int, waiting: Collection[WaitingGroup], turns: UserTurns) -> int:
    """How many of the waiting jobs start before one that has `own_ahead` of its user's own before it.

    As it stands now, if all of `waiting` may start: who comes later may come before it.
    """
    firsts, jobs = dict[str, datetime](), Counter[str]()
    for group in waiting:
        firsts[group.user_id] = min(group.first, firsts.get(group.user_id, group.first))
        jobs[group.user_id] += group.jobs
    mine = turns.turn(user_id) + own_ahead / turns.weight(user_id)
    ahead = own_ahead
    for user in firsts.keys() - {user_id}:
        first_of_both = (firsts[user], user) < (firsts.get(user_id, firsts[user]), user_id)
        ahead += min(_starts_until(mine - turns.turn(user), turns.weight(user), or_at=first_of_both), jobs[user])
    return ahead


def longest_wait(own_ahead: int, weight: float, *, all_weights: float, users: int) -> int:
    """The most starts, its own user's among them, that come before a job that may start all the time.

    `users` wait at the same time at most, with `all_weights` together.
    """
    of_the_next = math.ceil((1 / weight + HEAD_START) * all_weights / CREEP) + users + 1
    return (own_ahead + 1) * of_the_next


def _starts_until(distance: float, weight: float, *, or_at: bool) -> int:
    """How many turns of a user are before one that is so far behind the user's next; `or_at`: or level with it."""
    if distance < 0:
        return 0
    steps = distance * weight
    return math.floor(steps) + 1 if or_at or steps != math.floor(steps) else math.floor(steps)
