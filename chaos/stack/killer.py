"""Kills, pauses and stops processes: which and when is drawn from the seed, among those that run."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar

from chaos.plan import StormPlan
from chaos.stack.processes import Kind, StackProcess

Drawn = TypeVar("Drawn")


class Harm(StrEnum):
    """What is done to a process."""

    KILL = "SIGKILL"
    ASK = "SIGTERM"
    PAUSE = "SIGSTOP … SIGCONT"
    LONG_PAUSE = "SIGSTOP … SIGCONT beyond the heartbeat timeout"


#: How often, against each other.
HARMS: Final[Mapping[Harm, int]] = {Harm.KILL: 55, Harm.ASK: 15, Harm.PAUSE: 22, Harm.LONG_PAUSE: 8}
TARGETS: Final[Mapping[Kind, int]] = {Kind.WORKER: 4, Kind.API: 3, Kind.SANDBOX: 2, Kind.TEMPORAL: 1}
DATABASE_WEIGHT: Final = 1
"""Of a PostgreSQL server. Without one the same seed draws the same harms as ever."""


#: Seconds, from and to.
DOWNTIME_SECONDS: Final = (0.1, 4.0)
PAUSE_SECONDS: Final = (0.3, 4.0)
LONG_PAUSE_SECONDS: Final = (11.0, 14.0)


class Killer:
    """Kills and pauses processes until canceled."""

    def __init__(self, plan: StormPlan, members: Sequence[StackProcess]) -> None:
        self.done: Counter[tuple[Harm, Kind]] = Counter()
        self._plan = plan
        self._members = members
        self._dice = plan.dice("killer")
        self._targets = {**TARGETS, Kind.DATABASE: DATABASE_WEIGHT} if plan.postgresql else TARGETS

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(self._dice.expovariate(1 / self._plan.kill_every))
                harm, member, seconds = self._drawn()
                if member is not None:
                    self.done[harm, member.kind] += 1
                    tasks.create_task(_harm(member, harm, seconds))

    def _drawn(self) -> tuple[Harm, StackProcess | None, float]:
        """Draws the same random numbers whichever processes are up."""
        harms = {harm: weight for harm, weight in HARMS.items() if self._plan.long_pauses or harm != Harm.LONG_PAUSE}
        harm = _choice(self._dice, harms)
        kind = _choice(self._dice, self._targets)
        position, share = self._dice.random(), self._dice.random()
        least, most = {Harm.PAUSE: PAUSE_SECONDS, Harm.LONG_PAUSE: LONG_PAUSE_SECONDS}.get(harm, DOWNTIME_SECONDS)
        candidates = [
            member for member in self._members if member.kind is kind and member.is_up and not member.is_harmed
        ]
        return harm, candidates[int(position * len(candidates))] if candidates else None, least + share * (most - least)


async def _harm(member: StackProcess, harm: Harm, seconds: float) -> None:
    member.is_harmed = True
    try:
        match harm:
            case Harm.KILL:
                await member.end(signal.SIGKILL, downtime=seconds)
            case Harm.ASK:
                await member.end(signal.SIGTERM, downtime=seconds)
            case Harm.PAUSE | Harm.LONG_PAUSE:
                await member.pause(seconds)
    finally:
        member.is_harmed = False


def _choice(dice: random.Random, weights: Mapping[Drawn, int]) -> Drawn:
    return dice.choices(list(weights), weights=list(weights.values()))[0]
