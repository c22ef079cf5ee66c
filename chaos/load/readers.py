"""Readers of a job's live stream: they hang up at random, and come back for what they missed."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import httpx

from aijobs.domain.jobs.events import JobEvent
from chaos.observations import StreamObservation

SILENCE: Final = httpx.Timeout(8.0, read=15.0)
"""The API gives a sign of life every ten seconds; one that is silent for longer is not waited for."""

PAUSE: Final = (0.05, 1.0)
HANGS_UP: Final = 0.15
"""After each event."""

NOTHING_MORE: Final = 204


class StreamReader:
    """Collects what it is told in `reading`, exactly as it comes."""

    def __init__(self, http: httpx.AsyncClient, user: str, reading: StreamObservation, dice: random.Random) -> None:
        self._http = http
        self._user = user
        self._reading = reading
        self._dice = dice

    async def read(self) -> None:
        """Until the job's end."""
        while not self._reading.is_over:
            with suppress(httpx.TransportError):
                await self._read_once()
            await asyncio.sleep(self._dice.uniform(*PAUSE))

    async def _read_once(self) -> None:
        events = self._reading.events
        headers = {"Aijobs-User": self._user, "Accept": "text/event-stream"}
        if events:
            headers["Last-Event-ID"] = str(events[-1].seq)
        self._reading.connections += 1
        path = f"/api/jobs/{self._reading.code}/events"
        async with self._http.stream("GET", path, headers=headers, timeout=SILENCE) as answer:
            self._reading.is_over = answer.status_code == NOTHING_MORE
            if answer.status_code != httpx.codes.OK:
                return
            async for event in _events(answer):
                events.append(event)
                self._reading.is_over |= event.is_end
                if self._dice.random() < HANGS_UP:
                    return


async def _events(answer: httpx.Response) -> AsyncIterator[JobEvent]:
    """An event counts when the empty line behind it has come (WHATWG HTML, section 9.2.6)."""
    data = ""
    async for line in answer.aiter_lines():
        if line.startswith("data:"):
            data = line.removeprefix("data:")
        elif line == "" and data:
            yield JobEvent.model_validate_json(data)
            data = ""
