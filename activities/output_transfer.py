"""Moving one output into our store."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

import structlog

from activities.metrics import count_migrated
from aijobs.domain.errors import JobIsFinal, StoreUnavailable, TooBusy, UnreadableFile
from aijobs.domain.jobs.job import JobState
from aijobs.domain.jobs.outputs import Download, OutputKind, OutputSource, StoredObject, StoredOutput, output_key
from aijobs.domain.ports.downloads import Downloader
from aijobs.domain.ports.media import MediaReader
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.outputs import MigrationStart, OutputLog
from aijobs.domain.values.media import MediaFacts

log = structlog.get_logger()

REPORT_PAUSE_SECONDS: Final = 0.5
"""Between two reports, each of which costs a transaction; a quick move needs none."""

Report = Callable[[float], Awaitable[None]]


class OutputTransfer:
    """Copies outputs into the store and records them in the database, at most `at_once` of this process at a time."""

    def __init__(
        self, outputs: OutputLog, downloader: Downloader, store: ObjectStore, media: MediaReader, *, at_once: int
    ) -> None:
        self._outputs = outputs
        self._downloader = downloader
        self._store = store
        self._media = media
        self._slots = asyncio.Semaphore(at_once)

    async def enter_migration(self, job_code: str) -> MigrationStart:
        """Move the job to MIGRATING, unless it has ended, and say what is known of its outputs."""
        return await self._outputs.enter_migration(job_code)

    async def kept(self, job_code: str) -> frozenset[int]:
        """The indexes of the outputs that are already in our store."""
        return frozenset(output.index for output in await self._outputs.of_job(job_code))

    async def keep(
        self,
        job_code: str,
        index: int,
        source: OutputSource,
        *,
        expect: OutputKind,
        hosts: tuple[str, ...],
        report: Report,
        complete_at: int | None = None,
    ) -> JobState | None:
        """Stream one output into the store, complete and checked, or not at all. `report` gets 0 to 100 percent.

        With `complete_at`, the job is MIGRATING from here on, and SUCCESS with the last of so many outputs. Returns how
        the job stands then; None when the output was in the store already.

        Waits for one of the process's slots. Raises what `report`, Downloader and ObjectStore raise. Raises JobIsFinal
        when the job has ended meanwhile; the output is deleted then.
        """
        async with self._slots:
            since = time.monotonic()
            async with self._downloader.fetch(source, expect=expect, hosts=hosts) as download:
                key = output_key(job_code, index, download.extension)
                if complete_at is None:
                    await self._outputs.begin_write(key, job_code=job_code)
                elif not await self._outputs.begin_move(job_code, index, key):
                    return None
                async with aclosing(_reported(download, report)) as chunks:
                    stored = await self._store.put(key, chunks, media_type=download.media_type)
            count_migrated(download.kind, stored.size, seconds=time.monotonic() - since)
            output = _stored_output(index, source, download, stored, await self._facts(download, stored))
            try:
                return await self._outputs.add(job_code, output, complete_at=complete_at)
            except JobIsFinal:
                await self._store.delete(stored.key)
                raise

    async def _facts(self, download: Download, stored: StoredObject) -> MediaFacts | None:
        """Of a video or a sound; None of one that cannot be made out, which was paid and is kept all the same."""
        if not download.media_type.startswith(("video/", "audio/")):
            return None
        try:
            return await self._media.facts(stored.key, size=stored.size)
        except (UnreadableFile, TooBusy, StoreUnavailable) as unknown:
            log.warning("media_not_looked_into", key=stored.key, reason=str(unknown))
            return None


def _stored_output(
    index: int, source: OutputSource, download: Download, stored: StoredObject, media: MediaFacts | None
) -> StoredOutput:
    width, height = (media.width, media.height) if media else download.measure() or (None, None)
    return StoredOutput(
        index=index,
        kind=download.kind,
        media_type=download.media_type,
        size=stored.size,
        sha256=stored.sha256,
        key=stored.key,
        original_url=source.url,
        width=width,
        height=height,
        media=media,
    )


async def _reported(download: Download, report: Report) -> AsyncGenerator[bytes, None]:
    """Yields the chunks, and reports at every tenth of the announced length, but at most twice a second."""
    passed, reported, since = 0, 0, time.monotonic()
    async for chunk in download.chunks:
        yield chunk
        passed += len(chunk)
        tenths = passed * 10 // download.total if download.total else 0
        if tenths > reported and time.monotonic() - since >= REPORT_PAUSE_SECONDS:
            reported, since = tenths, time.monotonic()
            await report(min(tenths, 10) * 10)
