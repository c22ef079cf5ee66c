"""Counts what comes in over the wire, and loses patience where it must."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from aijobs.adapters.download.settings import DownloadSettings
from aijobs.domain.errors import DownloadInterrupted, OutputRefused


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a source says it will send: `total` bytes where it says so, in `chunks`."""

    chunks: AsyncIterator[bytes]
    total: int | None


async def metered(body: Body, settings: DownloadSettings, *, deadline: float) -> AsyncGenerator[bytes, None]:
    """The chunks of `body`, as long as they are not too many, too slow or too few. `deadline` is in loop time."""
    if body.total is not None and body.total > settings.max_bytes:
        raise too_large(settings)
    meter = _TransferMeter(settings, deadline)
    while (chunk := await meter.next_of(body.chunks)) is not None:
        yield chunk
    if body.total is not None and meter.received < body.total:
        raise DownloadInterrupted(f"Only {meter.received} of {body.total} bytes came.")
    if meter.received == 0:
        raise OutputRefused("The output is empty.")


class _TransferMeter:
    def __init__(self, settings: DownloadSettings, deadline: float) -> None:
        self._settings = settings
        self._deadline = deadline
        self._waited = 0.0
        self.received = 0

    async def next_of(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        began = asyncio.get_running_loop().time()
        idle = began + self._settings.idle_timeout.total_seconds()
        try:
            async with asyncio.timeout_at(min(idle, self._deadline)):
                chunk = await anext(chunks, None)
        except TimeoutError as waited:
            raise self._impatience(idle) from waited
        self._waited += asyncio.get_running_loop().time() - began
        self.received += len(chunk or b"")
        self._judge()
        return chunk

    def _judge(self) -> None:
        """Only waiting for the source counts as slowness, not what the store takes to write."""
        if self.received > self._settings.max_bytes:
            raise too_large(self._settings)
        patient = self._waited <= self._settings.min_speed_after.total_seconds()
        if not patient and self.received / self._waited < self._settings.min_speed:
            raise DownloadInterrupted(f"Less than {self._settings.min_speed} bytes a second came.")

    def _impatience(self, idle: float) -> DownloadInterrupted:
        if idle < self._deadline:
            return DownloadInterrupted(f"Nothing came for {self._settings.idle_timeout.total_seconds():g} s.")
        return took_too_long(self._settings)


def too_large(settings: DownloadSettings) -> OutputRefused:
    return OutputRefused(f"The output has more than {settings.max_bytes} bytes, the most that is taken.")


def took_too_long(settings: DownloadSettings) -> DownloadInterrupted:
    return DownloadInterrupted(f"The download took longer than {settings.total_deadline.total_seconds():g} s.")
