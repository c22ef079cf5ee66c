"""A load balancer, as in front of any installation: it asks each API process for its health, and uses the healthy."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import httpx

from chaos.faults.proxy import Cuts, CuttingProxy, Target

LOOK_EVERY: Final = 0.5
ANSWER_TIMEOUT: Final = 1.0
NO_CUTS: Final = Cuts(share=0.0)


@dataclass(frozen=True)
class Carried:
    """One connection: to which process, and when."""

    target: Target
    began: float
    ended: float | None


class Balancer(CuttingProxy):
    """Opens a connection to one of the targets that are well. Cuts nothing; `carried` is what it has passed on."""

    def __init__(self, targets: Sequence[Target], dice: random.Random) -> None:
        super().__init__(targets, NO_CUTS, dice)
        self.well: set[Target] = set()
        self._open_since: dict[int, tuple[Target, float]] = {}
        self._carried: list[Carried] = []

    @asynccontextmanager
    async def balancing(self, port: int, *, host: str) -> AsyncIterator[None]:
        async with self.serving(port, host=host):
            looking = [asyncio.create_task(self._look(target)) for target in self._targets]
            try:
                yield
            finally:
                for task in looking:
                    task.cancel()
                await asyncio.gather(*looking, return_exceptions=True)

    def connections_to(self, target: Target, *, since: float, until: float) -> int:
        """How many connections led there at any time between the two (of time.monotonic)."""
        ended = [one for one in self._carried if one.target == target]
        still = [Carried(target, began, None) for led_to, began in self._open_since.values() if led_to == target]
        return sum(one.began <= until and (one.ended is None or one.ended >= since) for one in (*ended, *still))

    def candidates(self) -> Sequence[Target]:
        """In random order."""
        return self._dice.sample(sorted(self.well), len(self.well))

    @asynccontextmanager
    async def carrying(self, target: Target) -> AsyncIterator[None]:
        key, began = id(asyncio.current_task()), time.monotonic()
        self._open_since[key] = (target, began)
        try:
            yield
        finally:
            del self._open_since[key]
            self._carried.append(Carried(target, began, time.monotonic()))

    async def _look(self, target: Target) -> None:
        """A process is out at its first bad answer, and in again at its first good one."""
        url = f"http://{target[0]}:{target[1]}/healthz"
        async with httpx.AsyncClient(timeout=ANSWER_TIMEOUT, trust_env=False) as http:
            while True:
                is_well = False
                with suppress(httpx.TransportError):
                    is_well = (await http.get(url)).is_success
                (self.well.add if is_well else self.well.discard)(target)
                await asyncio.sleep(LOOK_EVERY)
