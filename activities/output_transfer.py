"""Moving one output into our store."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from aijobs.domain.errors import JobIsFinal
from aijobs.domain.jobs.outputs import Download, OutputKind, OutputSource, StoredOutput, output_key
from aijobs.domain.ports.downloads import Downloader
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.records import Records

Report = Callable[[float], Awaitable[None]]
Begin = Callable[[str], Awaitable[None]]


class OutputTransfer:
    """Makes outputs ours: in the store, and in the job's records."""

    def __init__(self, records: Records, mover: "OutputMover", store: ObjectStore) -> None:
        self._records = records
        self._mover = mover
        self._store = store

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
        """Raises what OutputMover raises, and JobIsFinal when the job has ended meanwhile: then nothing of it stays."""

        async def begin(key: str) -> None:
            await self._records.begin_write(key, job_code=job_code)

        stored = await self._mover.move(job_code, index, source, expect=expect, hosts=hosts, report=report, begin=begin)
        try:
            await self._records.add_outputs(job_code, stored)
        except JobIsFinal:
            await self._store.delete(stored.key)
            raise


class OutputMover:
    """Moves one output: downloads it, looks at it, and stores it."""

    def __init__(self, downloader: Downloader, store: ObjectStore) -> None:
        self._downloader = downloader
        self._store = store

    async def move(
        self,
        job_code: str,
        index: int,
        source: OutputSource,
        *,
        expect: OutputKind,
        hosts: tuple[str, ...],
        report: Report,
        begin: Begin,
    ) -> StoredOutput:
        """Stream one output into the store: whole and checked, or not at all.

        `begin` is told the key before anything is written, `report` hears 0 to 100. Raises what they, Downloader and
        ObjectStore raise.
        """
        async with self._downloader.fetch(source, expect=expect, hosts=hosts) as download:
            key = output_key(job_code, index, download.extension)
            await begin(key)
            async with aclosing(_reported(download, report)) as chunks:
                stored = await self._store.put(key, chunks, media_type=download.media_type)
            width, height = download.measure() or (None, None)
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
            )


async def _reported(download: Download, report: Report) -> AsyncGenerator[bytes, None]:
    """The chunks, with a report at every tenth of what the server announced."""
    passed, told = 0, 0
    async for chunk in download.chunks:
        yield chunk
        passed += len(chunk)
        tenths = passed * 10 // download.total if download.total else 0
        if tenths > told:
            told = tenths
            await report(min(tenths, 10) * 10)
