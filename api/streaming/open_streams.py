"""Open streams: how many are allowed, and ending those whose credentials are no longer valid."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from aijobs.domain.errors import DatabaseUnavailable, TooBusy, TooManyStreams
from aijobs.process_settings import ApiSettings
from api.auth.credentials import Credentials
from api.streaming.background_tasks import start_task
from api.streaming.subscriptions import StreamEnd, Subscription

CHECK_EVERY: Final = timedelta(seconds=5)
RETRY_AFTER: Final = timedelta(seconds=30)

K = TypeVar("K", bound=Hashable)
ValidAmong = Callable[[Collection[Credentials]], Awaitable[Collection[Credentials]]]

log = structlog.get_logger()


class OpenStream:
    """A caller's open stream. It can be ended from outside, whatever it is subscribed to at the time."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self._ending: StreamEnd | None = None
        self._subscription: Subscription | None = None

    @property
    def ending(self) -> StreamEnd | None:
        """Why it was ended; None while it goes on, or when it completed by itself."""
        return self._ending or (self._subscription.ending if self._subscription else None)

    def attach(self, subscription: Subscription) -> None:
        self._subscription = subscription
        if self._ending is not None:
            subscription.end(self._ending)

    @contextmanager
    def needing_database(self) -> Iterator[None]:
        """Ends the stream, and the block, when the database does not answer; the client may come back."""
        try:
            yield
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            log.error("stream_interrupted", error=str(error))
            self.end(StreamEnd.DATABASE_ERROR)

    def end(self, ending: StreamEnd) -> None:
        self._ending = self._ending or ending
        if self._subscription is not None:
            self._subscription.end(ending)


class OpenStreams:
    """All open streams of a process."""

    def __init__(self) -> None:
        self._open: set[OpenStream] = set()
        self.cut: Counter[StreamEnd] = Counter()  #: those that were ended from here, by why
        self._of_key: Counter[str] = Counter()
        self._of_user: Counter[tuple[str, str | None]] = Counter()  #: by key and user

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def admitted(self, credentials: Credentials, *, per_user: int, per_key: int, in_all: int) -> Iterator[OpenStream]:
        """One more stream. Raises TooBusy when `in_all` are open, TooManyStreams when the key has `per_key`, or the
        credentials' user has `per_user`: one user of a key does not use up the streams of its other users."""
        if credentials.user_id is not None and self._of_user[credentials.key_id, credentials.user_id] >= per_user:
            raise TooManyStreams(f"This user has {per_user} streams open.", retry_after=RETRY_AFTER)
        if self._of_key[credentials.key_id] >= per_key:
            raise TooManyStreams(f"This key has {per_key} streams open.", retry_after=RETRY_AFTER)
        if len(self._open) >= in_all:
            raise TooBusy("There are as many streams open as this process takes.", retry_after=RETRY_AFTER)
        stream = OpenStream(credentials)
        self._open.add(stream)
        self._of_key[credentials.key_id] += 1
        self._of_user[credentials.key_id, credentials.user_id] += 1
        try:
            yield stream
        finally:
            self._open.remove(stream)
            if stream.ending is not None:
                self.cut[stream.ending] += 1
            _count_down(self._of_key, credentials.key_id)
            _count_down(self._of_user, (credentials.key_id, credentials.user_id))

    @asynccontextmanager
    async def watched(self, valid_among: ValidAmong, *, every: timedelta = CHECK_EVERY) -> AsyncIterator[None]:
        """Until the block ends, checks every so often, and ends the streams whose credentials are no longer valid."""
        watch_task = start_task(self._watch(valid_among, every), failure="streams_no_longer_checked")
        try:
            yield
        finally:
            watch_task.cancel()
            await asyncio.gather(watch_task, return_exceptions=True)

    async def _watch(self, valid_among: ValidAmong, every: timedelta) -> None:
        while True:
            await asyncio.sleep(every.total_seconds())
            checked = {stream.credentials for stream in self._open}
            try:
                valid = await valid_among(checked)
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                log.error("streams_not_checked", error=str(error))
            else:
                self._end_all_of(checked.difference(valid))

    def _end_all_of(self, invalid: Collection[Credentials]) -> None:
        for stream in self._open:
            if stream.credentials in invalid:
                stream.end(StreamEnd.CREDENTIALS_INVALID)


@dataclass(frozen=True)
class StreamAdmission:
    """Opens streams within the settings' limits."""

    streams: OpenStreams
    settings: ApiSettings

    def of(self, credentials: Credentials) -> AbstractContextManager[OpenStream]:
        """A stream for a caller with these credentials. Entering it raises TooManyStreams or TooBusy."""
        return self.streams.admitted(
            credentials,
            per_user=self.settings.streams_per_user,
            per_key=self.settings.streams_per_key,
            in_all=self.settings.streams,
        )


def _count_down(counter: Counter[K], name: K) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
