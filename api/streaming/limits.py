"""The streams that are open: how many there may be, and who may no longer have one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from aijobs.domain.errors import TooBusy, TooManyStreams
from aijobs.settings import ApiSettings
from api.auth.credentials import Credentials
from api.streaming.background import start_task
from api.streaming.subscriptions import StreamEnd, Subscription

CHECK_EVERY: Final = timedelta(seconds=5)
COME_BACK_AFTER: Final = timedelta(seconds=30)

K = TypeVar("K", bound=Hashable)
StillGood = Callable[[Collection[Credentials]], Awaitable[Collection[Credentials]]]

log = structlog.get_logger()


class OpenStream:
    """Somebody's stream. It may be ended from outside, whatever it listens to at the time."""

    def __init__(self, proof: Credentials) -> None:
        self.proof = proof
        self._ending: StreamEnd | None = None
        self._subscription: Subscription | None = None

    @property
    def ending(self) -> StreamEnd | None:
        """Why it ends; nothing when it goes on, or came to its own end."""
        return self._ending or (self._subscription.ending if self._subscription else None)

    def listens_to(self, subscription: Subscription) -> None:
        self._subscription = subscription
        if self._ending is not None:
            subscription.end(self._ending)

    def end(self, ending: StreamEnd) -> None:
        self._ending = self._ending or ending
        if self._subscription is not None:
            self._subscription.end(ending)


class OpenStreams:
    """All of a process."""

    def __init__(self) -> None:
        self._open: set[OpenStream] = set()
        self._of_key: Counter[str] = Counter()
        self._of_user: Counter[tuple[str, str | None]] = Counter()  #: one user of a key

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def admitted(self, proof: Credentials, *, per_user: int, per_key: int, in_all: int) -> Iterator[OpenStream]:
        """One more. Raises TooBusy when there are `in_all` already, TooManyStreams when the key has `per_key`, or the
        one user that the proof is for has `per_user`: no user shuts out the others who share a key."""
        if proof.user_id is not None and self._of_user[proof.key_id, proof.user_id] >= per_user:
            raise TooManyStreams(f"This user has {per_user} streams open.", retry_after=COME_BACK_AFTER)
        if self._of_key[proof.key_id] >= per_key:
            raise TooManyStreams(f"This key has {per_key} streams open.", retry_after=COME_BACK_AFTER)
        if len(self._open) >= in_all:
            raise TooBusy("There are as many streams open as this process takes.", retry_after=COME_BACK_AFTER)
        stream = OpenStream(proof)
        self._open.add(stream)
        self._of_key[proof.key_id] += 1
        self._of_user[proof.key_id, proof.user_id] += 1
        try:
            yield stream
        finally:
            self._open.remove(stream)
            _count_down(self._of_key, proof.key_id)
            _count_down(self._of_user, (proof.key_id, proof.user_id))

    @asynccontextmanager
    async def watched(self, still_good: StillGood, *, every: timedelta = CHECK_EVERY) -> AsyncIterator[None]:
        """Until the block ends, streams of those who may no longer have one are ended, soon after."""
        watching = start_task(self._watch(still_good, every), failure="streams_no_longer_checked")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, still_good: StillGood, every: timedelta) -> None:
        while True:
            await asyncio.sleep(every.total_seconds())
            proofs = {stream.proof for stream in self._open}
            try:
                good = await still_good(proofs)
            except SQLAlchemyError as error:
                log.error("streams_not_checked", error=str(error))
            else:
                self._end_all_of(proofs.difference(good))

    def _end_all_of(self, unwelcome: Collection[Credentials]) -> None:
        for stream in self._open:
            if stream.proof in unwelcome:
                stream.end(StreamEnd.UNWELCOME)


@dataclass(frozen=True)
class StreamAdmission:
    """Lets readers in, as many as the settings allow."""

    streams: OpenStreams
    settings: ApiSettings

    def of(self, proof: Credentials) -> AbstractContextManager[OpenStream]:
        """One more stream of a caller. Entering it raises TooManyStreams or TooBusy."""
        return self.streams.admitted(
            proof,
            per_user=self.settings.streams_per_user,
            per_key=self.settings.streams_per_key,
            in_all=self.settings.streams,
        )


def _count_down(counter: Counter[K], name: K) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
