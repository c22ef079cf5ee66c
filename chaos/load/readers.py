"""Readers of a job's event stream: they disconnect at random, and reconnect with Last-Event-ID."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import httpx

from aijobs.domain.jobs.events import JobEvent
from chaos.observations import StreamObservation

TIMEOUT: Final = httpx.Timeout(8.0, read=15.0)
"""The API sends a heartbeat every ten seconds; a stream that is silent for longer is closed."""

PAUSE: Final = (0.05, 1.0)
HANG_UP_PROBABILITY: Final = 0.15
"""After each event."""

NO_CONTENT: Final = 204


class StreamReader:
    """Collects the received events in `observation`, unchanged."""

    def __init__(self, http: httpx.AsyncClient, user: str, observation: StreamObservation, dice: random.Random) -> None:
        self._http = http
        self._user = user
        self._observation = observation
        self._dice = dice

    async def read(self) -> None:
        """Read until the job's end."""
        while not self._observation.is_over:
            with suppress(httpx.TransportError):
                await self._read_once()
            await asyncio.sleep(self._dice.uniform(*PAUSE))

    async def _read_once(self) -> None:
        events = self._observation.events
        headers = {"Aijobs-User": self._user, "Accept": "text/event-stream"}
        if events:
            headers["Last-Event-ID"] = str(events[-1].seq)
        self._observation.connections += 1
        path = f"/api/jobs/{self._observation.code}/events"
        async with self._http.stream("GET", path, headers=headers, timeout=TIMEOUT) as response:
            self._observation.is_over = response.status_code == NO_CONTENT
            if response.status_code != httpx.codes.OK:
                return
            async for event in _events(response):
                events.append(event)
                self._observation.is_over |= event.is_end
                if self._dice.random() < HANG_UP_PROBABILITY:
                    return


async def _events(response: httpx.Response) -> AsyncIterator[JobEvent]:
    """An event counts when the empty line behind it has come (WHATWG HTML, section 9.2.6)."""
    data = ""
    async for line in response.aiter_lines():
        if line.startswith("data:"):
            data = line.removeprefix("data:")
        elif line == "" and data:
            yield JobEvent.model_validate_json(data)
            data = ""
