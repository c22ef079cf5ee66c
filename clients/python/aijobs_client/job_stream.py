"""The events of one job over any number of connections, without I/O: the request, the new events, the pause."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from pydantic import ValidationError

from aijobs_client.call import Call, Response, raise_api_error
from aijobs_client.errors import ClientError, UnexpectedResponse, WaitTimeout
from aijobs_client.models import JobEvent
from aijobs_client.operations import job_path
from aijobs_client.retries import Clock, Retrying, is_transient
from aijobs_client.sse import EventParser

OK: Final = 200
NO_CONTENT: Final = 204
RECONNECT_AFTER: Final = 1.0  #: seconds, unless the server asks for another time

OnLost = Callable[[ClientError], object]


class Deadline:
    """Until when to wait for a job: `seconds` from now, or without end."""

    def __init__(self, code: str, seconds: float | None) -> None:
        self._code = code
        self._seconds = seconds
        self._began = time.monotonic()

    def remaining(self) -> float | None:
        """Seconds until the deadline; None without one. Raises WaitTimeout when it has passed."""
        if self._seconds is None:
            return None
        remaining = self._began + self._seconds - time.monotonic()
        if remaining <= 0:
            raise WaitTimeout(self._code, self._seconds)
        return remaining

    def at_most(self, seconds: float) -> float:
        """`seconds`, or the time that remains, if that is less. Raises WaitTimeout."""
        remaining = self.remaining()
        return seconds if remaining is None else min(remaining, seconds)


class JobEventStream:
    """Every event with `seq` above `after`, once and in order, until the job has ended.

    The client sends `call`, passes the chunks of the body to `feed` (or a response that is no stream to
    `handle_other_response`) and every ClientError to `connection_lost`, then waits for `pause` seconds and connects
    again, until `is_over`.
    """

    def __init__(self, code: str, *, after: int, retry_for: float, clock: Clock = time.monotonic) -> None:
        self.last_seq = after
        self.is_over = False
        self.pause = 0.0
        self._code = code
        self._retrying = Retrying(retry_for, clock=clock)
        self._parser = EventParser()

    def call(self) -> Call[None]:
        """The request of a new connection: events after the last one that was read."""
        self._parser = EventParser()
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.last_seq), "Connection": "close"}
        path = job_path(self._code, "/events")
        return Call(method="GET", path=path, read=lambda _: None, is_safe=True, headers=headers)

    def feed(self, chunk: bytes) -> Iterator[JobEvent]:
        """The new events that this chunk completes. Raises UnexpectedResponse."""
        self._retrying.reset()
        self.pause = RECONNECT_AFTER
        try:
            for frame in self._parser.feed(chunk):
                event = JobEvent.model_validate_json(frame.data)
                self.is_over = self.is_over or event.is_final
                if event.seq > self.last_seq:
                    self.last_seq = event.seq
                    yield event
        except (ValidationError, ValueError) as invalid:
            raise UnexpectedResponse(f"The stream of {self._code} cannot be read: {invalid}") from invalid
        if self._parser.retry is not None:
            self.pause = self._parser.retry

    def handle_other_response(self, response: Response) -> None:
        """A response that is no stream: 204 means that no event remains. Raises ApiError or UnexpectedResponse."""
        if response.status == NO_CONTENT:
            self.is_over = True
        elif response.is_success:
            raise UnexpectedResponse(f"The API answered {response.status} instead of a stream.")
        else:
            raise_api_error(response)

    def connection_lost(self, error: ClientError) -> None:
        """Sets `pause`. Raises the error when it is not transient, or when the retries have lasted too long."""
        if self.is_over:
            return
        if not is_transient(error):
            raise error
        self.pause = self._retrying.pause_after(error)
