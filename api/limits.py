"""The streams that are open: how many there may be, and who may no longer have one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.audience import Ending, Subscription
from api.proofs import Proof
from domain.errors import TooBusy, TooManyStreams

CHECK_EVERY: Final = timedelta(seconds=5)
COME_BACK_AFTER: Final = timedelta(seconds=30)

log = structlog.get_logger()


class OpenStream:
    """Somebody's stream. It may be ended from outside, whatever it listens to at the time."""

    def __init__(self, proof: Proof) -> None:
        self.proof = proof
        self._ending: Ending | None = None
        self._subscription: Subscription | None = None

    @property
    def ending(self) -> Ending | None:
        """Why it ends; nothing when it goes on, or came to its own end."""
        return self._ending or (self._subscription.ending if self._subscription else None)

    def listens_to(self, subscription: Subscription) -> None:
        self._subscription = subscription
        if self._ending is not None:
            subscription.end(self._ending)

    def end(self, ending: Ending) -> None:
        self._ending = self._ending or ending
        if self._subscription is not None:
            self._subscription.end(ending)


class OpenStreams:
    """All of a process."""

    def __init__(self) -> None:
        self._open: set[OpenStream] = set()
        self._of_key: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def admitted(self, proof: Proof, *, per_key: int, in_all: int) -> Iterator[OpenStream]:
        """One more. Raises TooManyStreams when the key has `per_key` already, TooBusy when there are `in_all`."""
        if self._of_key[proof.key_id] >= per_key:
            raise TooManyStreams(f"This key has {per_key} streams open.", retry_after=COME_BACK_AFTER)
        if len(self._open) >= in_all:
            raise TooBusy("There are as many streams open as this process takes.", retry_after=COME_BACK_AFTER)
        stream = OpenStream(proof)
        self._open.add(stream)
        self._of_key[proof.key_id] += 1
        try:
            yield stream
        finally:
            self._open.remove(stream)
            self._of_key[proof.key_id] -= 1
            if not self._of_key[proof.key_id]:
                del self._of_key[proof.key_id]

    @asynccontextmanager
    async def watched(
        self, is_good: Callable[[Proof], Awaitable[bool]], *, every: timedelta = CHECK_EVERY
    ) -> AsyncIterator[None]:
        """Until the block ends, streams of those who may no longer have one are ended, soon after."""
        watching = asyncio.create_task(self._watch(is_good, every))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, is_good: Callable[[Proof], Awaitable[bool]], every: timedelta) -> None:
        while True:
            await asyncio.sleep(every.total_seconds())
            try:
                for proof in {stream.proof for stream in self._open}:
                    if not await is_good(proof):
                        self._end_all_of(proof)
            except SQLAlchemyError as trouble:
                log.error("streams_not_checked", error=str(trouble))

    def _end_all_of(self, proof: Proof) -> None:
        for stream in self._open:
            if stream.proof == proof:
                stream.end(Ending.UNWELCOME)
