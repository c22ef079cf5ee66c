"""Following one job over any number of connections, with no I/O: what to ask, what was new, how long to wait."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from pydantic import ValidationError

from aijobs_client.errors import ClientError, NotUnderstood, WaitTimeout
from aijobs_client.models import JobEvent
from aijobs_client.operations import job_path
from aijobs_client.request import Call, Reply, refuse
from aijobs_client.retries import Clock, Retrying, is_passing
from aijobs_client.sse import EventParser

STREAM: Final = 200
NOTHING_LEFT: Final = 204
RECONNECT_AFTER: Final = 1.0  #: seconds, unless the server asks for another time

OnLost = Callable[[ClientError], object]


class Deadline:
    """Until when a job is waited for: `seconds` from now on, or for ever."""

    def __init__(self, code: str, seconds: float | None) -> None:
        self._code = code
        self._seconds = seconds
        self._began = time.monotonic()

    def left(self) -> float | None:
        """Seconds, where there is an end. Raises WaitTimeout."""
        if self._seconds is None:
            return None
        left = self._began + self._seconds - time.monotonic()
        if left <= 0:
            raise WaitTimeout(self._code, self._seconds)
        return left

    def at_most(self, seconds: float) -> float:
        """Or what is left, if that is less. Raises WaitTimeout."""
        left = self.left()
        return seconds if left is None else min(left, seconds)


class Following:
    """Every event behind number `after`, once and in order, until the job's end.

    Whoever does the I/O makes `call`, gives what comes to `refused` or `heard`, tells `lost` of every ClientError
    on the way, and waits for `pause` seconds, until it `is_over`.
    """

    def __init__(self, code: str, *, after: int, patience: float, clock: Clock = time.monotonic) -> None:
        self.last = after
        self.is_over = False
        self.pause = 0.0
        self._code = code
        self._retrying = Retrying(patience, clock=clock)
        self._parser = EventParser()

    def call(self) -> Call[None]:
        """A new connection, behind the last event."""
        self._parser = EventParser()
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.last), "Connection": "close"}
        path = job_path(self._code, "/events")
        return Call(method="GET", path=path, read=lambda _: None, is_safe=True, headers=headers)

    def heard(self, chunk: bytes) -> Iterator[JobEvent]:
        """The events that are new. Raises NotUnderstood."""
        self._retrying.went_well()
        self.pause = RECONNECT_AFTER
        try:
            for frame in self._parser.feed(chunk):
                event = JobEvent.model_validate_json(frame.data)
                self.is_over = self.is_over or event.is_final
                if event.seq > self.last:
                    self.last = event.seq
                    yield event
        except (ValidationError, ValueError) as unlike:
            raise NotUnderstood(f"The stream of {self._code} cannot be read: {unlike}") from unlike
        if self._parser.retry is not None:
            self.pause = self._parser.retry

    def refused(self, reply: Reply) -> None:
        """An answer that is no stream. Raises ApiError."""
        if reply.status == NOTHING_LEFT:
            self.is_over = True
        elif reply.is_good:
            raise NotUnderstood(f"The API answered {reply.status} instead of a stream.")
        else:
            refuse(reply)

    def lost(self, trouble: ClientError) -> None:
        """Raises the trouble when it does not pass, or has lasted for too long."""
        if self.is_over:
            return
        if not is_passing(trouble):
            raise trouble
        self.pause = self._retrying.pause_after(trouble)
