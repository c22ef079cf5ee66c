"""Turns for requests whose sender is not known yet, so that a crowd of them does not delay known callers.

Such a request takes a turn until its caller is identified, it waits for its body, its response begins, or the longest
time for a turn is over. A request on a connection whose last caller was identified needs none, nor does a health check.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

AT_ONCE: Final = 4
LONGEST: Final = timedelta(milliseconds=100)
"""A turn ends then, so that a database that does not respond delays one request and not all."""

SENDER: Final = "aijobs.sender"
"""Key in the state of a request: the `Sender` of its connection."""

_TURN: Final = "aijobs.turn"


@dataclass
class Sender:
    """What is known of whoever sends requests on a connection."""

    is_known: bool = False


class _Turn:
    """A place among those that are served at once. It may be ended more than once.

    The next request gets it in the event loop's next iteration: known callers are served in between.
    """

    def __init__(self, places: asyncio.Semaphore, longest: timedelta) -> None:
        self._places = places
        self._is_over = False
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(longest.total_seconds(), self.end)

    def end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._timer.cancel()
            self._loop.call_soon(self._places.release)


def mark_known(scope: Scope) -> None:
    """The request's caller is identified: neither it nor the next request on its connection needs a turn."""
    sender: Sender | None = scope.get("state", {}).get(SENDER)
    if sender is not None:
        sender.is_known = True
    turn: _Turn | None = scope.get(_TURN)
    if turn is not None:
        turn.end()


class Turns:
    """A middleware: of requests whose sender is unknown, `at_once` are begun at a time, first come first served.

    `exempt` are raw paths without a turn. `longest` is how long one turn may take.
    """

    def __init__(
        self, app: ASGIApp, *, exempt: Collection[bytes], at_once: int = AT_ONCE, longest: timedelta = LONGEST
    ) -> None:
        self._app = app
        self._exempt = exempt
        self._places = asyncio.Semaphore(at_once)
        self._longest = longest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["raw_path"] in self._exempt or _is_known(scope):
            await self._app(scope, receive, send)
            return
        await self._places.acquire()
        turn = scope[_TURN] = _Turn(self._places, self._longest)

        async def receive_without_turn() -> Message:
            turn.end()
            return await receive()

        async def send_without_turn(message: Message) -> None:
            turn.end()
            await send(message)

        try:
            await self._app(scope, receive_without_turn, send_without_turn)
        finally:
            turn.end()


def _is_known(scope: Scope) -> bool:
    """Whether the connection's last caller was identified. Whoever sends this request is unknown again until it is."""
    sender: Sender | None = scope.get("state", {}).get(SENDER)
    was_known = sender is not None and sender.is_known
    if sender is not None:
        sender.is_known = False
    return was_known
