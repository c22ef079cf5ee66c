"""Counts the bytes of a transfer, and ends it when it is too large or too slow."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Final

from aijobs.adapters.download.settings import DownloadSettings
from aijobs.domain.errors import DownloadInterrupted, OutputRefused

CHUNK_BYTES: Final = 256 * 1024
"""Of the chunks that are passed on. TLS delivers 16 KiB at a time; each chunk passes through every check by itself."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """A response body. `total` is its announced length, where there is one."""

    chunks: AsyncIterator[bytes]
    total: int | None


async def metered(body: Body, settings: DownloadSettings, *, deadline: float) -> AsyncGenerator[bytes, None]:
    """The bytes of `body`, in chunks of about CHUNK_BYTES; the first of them as they come. `deadline` is in loop time.

    Raises OutputRefused for an empty or too large body, DownloadInterrupted for one that is too slow or incomplete.
    """
    if body.total is not None and body.total > settings.max_bytes:
        raise too_large(settings)
    meter = _TransferMeter(settings, deadline)
    gathered: list[bytes] = []
    size = 0
    while (chunk := await meter.next_of(body.chunks)) is not None:
        gathered.append(chunk)
        size += len(chunk)
        if size >= CHUNK_BYTES or meter.received <= CHUNK_BYTES:  # what is sniffed may be refused at once
            yield gathered[0] if len(gathered) == 1 else b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)
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
        started = asyncio.get_running_loop().time()
        idle = started + self._settings.idle_timeout.total_seconds()
        try:
            async with asyncio.timeout_at(min(idle, self._deadline)):
                chunk = await anext(chunks, None)
        except TimeoutError as expired:
            raise self._timeout_error(idle) from expired
        self._waited += asyncio.get_running_loop().time() - started
        self.received += len(chunk or b"")
        self._check_limits()
        return chunk

    def _check_limits(self) -> None:
        """The speed is measured over the time spent waiting for the source; writing to the store does not count."""
        if self.received > self._settings.max_bytes:
            raise too_large(self._settings)
        in_grace_time = self._waited <= self._settings.min_speed_after.total_seconds()
        if not in_grace_time and self.received / self._waited < self._settings.min_speed:
            raise DownloadInterrupted(f"Less than {self._settings.min_speed} bytes a second came.")

    def _timeout_error(self, idle: float) -> DownloadInterrupted:
        if idle < self._deadline:
            return DownloadInterrupted(f"Nothing came for {self._settings.idle_timeout.total_seconds():g} s.")
        return took_too_long(self._settings)


def too_large(settings: DownloadSettings) -> OutputRefused:
    return OutputRefused(f"The output has more than {settings.max_bytes} bytes, the most that is taken.")


def took_too_long(settings: DownloadSettings) -> DownloadInterrupted:
    return DownloadInterrupted(f"The download took longer than {settings.total_deadline.total_seconds():g} s.")
