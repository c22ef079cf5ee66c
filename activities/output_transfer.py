"""Moving one output into our store."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from aijobs.domain.errors import JobIsFinal
from aijobs.domain.jobs.outputs import Download, OutputKind, OutputSource, StoredOutput, output_key
from aijobs.domain.ports.downloads import Downloader
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.outputs import OutputLog

Report = Callable[[float], Awaitable[None]]


class OutputTransfer:
    """Copies outputs into the store and records them in the database, at most `at_once` of this process at a time."""

    def __init__(self, outputs: OutputLog, downloader: Downloader, store: ObjectStore, *, at_once: int) -> None:
        self._outputs = outputs
        self._downloader = downloader
        self._store = store
        self._slots = asyncio.Semaphore(at_once)

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
    ) -> None:
        """Stream one output into the store, complete and checked, or not at all. `report` gets 0 to 100 percent.

        Waits for one of the process's slots. Raises what `report`, Downloader and ObjectStore raise. Raises JobIsFinal
        when the job has ended meanwhile; the output is deleted then.
        """
        async with self._slots:
            await self._copy(job_code, index, source, expect=expect, hosts=hosts, report=report)

    async def _copy(
        self,
        job_code: str,
        index: int,
        source: OutputSource,
        *,
        expect: OutputKind,
        hosts: tuple[str, ...],
        report: Report,
    ) -> None:
        async with self._downloader.fetch(source, expect=expect, hosts=hosts) as download:
            key = output_key(job_code, index, download.extension)
            await self._outputs.begin_write(key, job_code=job_code)
            async with aclosing(_reported(download, report)) as chunks:
                stored = await self._store.put(key, chunks, media_type=download.media_type)
        width, height = download.measure() or (None, None)
        output = StoredOutput(
            index=index,
            kind=download.kind,
            media_type=download.media_type,
            size=stored.size,
            sha256=stored.sha256,
            key=stored.key,
            original_url=source.url,
            width=width,
            height=height,
        )
        try:
            await self._outputs.add(job_code, output)
        except JobIsFinal:
            await self._store.delete(stored.key)
            raise


async def _reported(download: Download, report: Report) -> AsyncGenerator[bytes, None]:
    """Yields the chunks, and reports at every tenth of the announced length."""
    passed, reported = 0, 0
    async for chunk in download.chunks:
        yield chunk
        passed += len(chunk)
        tenths = passed * 10 // download.total if download.total else 0
        if tenths > reported:
            reported = tenths
            await report(min(tenths, 10) * 10)
