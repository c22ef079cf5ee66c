"""Decoding pictures in guarded processes: a picture that crashes its decoder does not affect this one."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self

import structlog

from aijobs.adapters.media.picture_request import MAX_RESULT_BYTES, PictureRequest, PictureResult, PictureTask
from aijobs.adapters.media.settings import PictureSettings
from aijobs.domain.errors import BadInput, FileTooLarge, TooBusy, UnreadableFile
from aijobs.domain.photos import Measurements
from aijobs.domain.values.media import MediaFacts
from aijobs.domain.values.pictures import CleanPhoto, ImageFacts, PictureContent

ROOT: Final = Path(__file__).parents[3]
RETRY_AFTER: Final = timedelta(seconds=5)
KEPT_IDLE: Final = timedelta(seconds=5)  #: a picture process takes 40 MB, and half a second to start

#: The error class for a code that the picture process reports.
ERROR_OF: Final[Mapping[str, type[BadInput]]] = {error.code: error for error in (UnreadableFile, FileTooLarge)}

log = structlog.get_logger()


class PictureProcess:
    """One running picture process. It must not be used again after a failure."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def started(cls) -> Self:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "aijobs.adapters.media.picture_process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
                "LC_ALL": "C.UTF-8",
                "MALLOC_ARENA_MAX": "1",
            },
            limit=2 * MAX_RESULT_BYTES,
            start_new_session=True,
        )
        return cls(process)

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def send(self, request: PictureRequest) -> PictureResult | None:
        """None when the process has died, or its output is not a result."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(request.model_dump_json().encode() + b"\n")
            await stdin.drain()
            return PictureResult.model_validate_json(await stdout.readline())
        except (OSError, ValueError):
            return None

    async def kill(self) -> None:
        """Kill the process and its forks."""
        if self.is_running:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


class PictureReader:
    """Implements PictureDecoder, and looks into videos and sounds. Up to `at_once` files are decoded at a time; the
    others wait.

    The processes are started when needed, and are killed when they have had nothing to do for `kept_idle`, and when the
    reader is closed.
    """

    def __init__(self, settings: PictureSettings, *, kept_idle: timedelta = KEPT_IDLE) -> None:
        self._settings = settings
        self._kept_idle = kept_idle
        self._slots = asyncio.Semaphore(settings.at_once)
        self._admitted_count = 0
        self._processes: set[PictureProcess] = set()
        self._idle: dict[PictureProcess, asyncio.TimerHandle] = {}  #: the last is the one that worked last
        self._ending: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: PictureSettings, *, kept_idle: timedelta = KEPT_IDLE) -> AsyncIterator[Self]:
        reader = cls(settings, kept_idle=kept_idle)
        try:
            yield reader
        finally:
            for timer in reader._idle.values():
                timer.cancel()
            await asyncio.gather(*(process.kill() for process in reader._processes), *reader._ending)

    async def check(self, picture: PictureContent) -> ImageFacts:
        result, _ = await self._run(picture, PictureTask.CHECK)
        return ImageFacts(result.media_type, result.width, result.height)

    async def clean(self, photo: PictureContent) -> CleanPhoto:
        result, content = await self._run(photo, PictureTask.CLEAN)
        return CleanPhoto(content, result.width, result.height)

    async def thumbnail(self, picture: PictureContent, side: int, *, square: bool = False) -> bytes:
        _, content = await self._run(picture, PictureTask.THUMBNAIL, side=side, square=square)
        return content

    async def measure(self, photo: PictureContent) -> Measurements:
        result, _ = await self._run(photo, PictureTask.MEASURE)
        if result.measurements is None:
            raise UnreadableFile("The photo cannot be measured.")
        return result.measurements

    async def copy_to_show(self, photo: PictureContent) -> bytes:
        _, content = await self._run(photo, PictureTask.COPY)
        return content

    async def media_facts(self, media: Path) -> MediaFacts:
        result, _ = await self._run(media, PictureTask.MEDIA_FACTS)
        if result.media is None:
            raise UnreadableFile("The file cannot be looked into.")
        return result.media

    async def poster(self, video: Path, side: int, *, square: bool = False) -> bytes:
        _, content = await self._run(video, PictureTask.POSTER, side=side, square=square)
        return content

    async def waveform(self, sound: Path) -> bytes:
        _, content = await self._run(sound, PictureTask.WAVEFORM)
        return content

    async def _run(self, picture: PictureContent, task: PictureTask, **options: Any) -> tuple[PictureResult, bytes]:
        """The result, and the content of the target file (empty when there is none)."""
        with self._admission(), tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            path, target = await _as_file(picture, Path(folder)), Path(folder) / "target"
            request = PictureRequest(task=task, path=path, target=target, limits=self._settings, **options)
            async with self._slot():
                result = await self._run_in_process(request)
            if result.error_code is not None:
                raise ERROR_OF.get(result.error_code, UnreadableFile)(result.message)
            return result, await asyncio.to_thread(_content_of, target)

    @contextmanager
    def _admission(self) -> Iterator[None]:
        if self._admitted_count >= self._settings.at_once + self._settings.waiting:
            raise TooBusy("Too many pictures are waiting to be read.", retry_after=RETRY_AFTER)
        self._admitted_count += 1
        try:
            yield
        finally:
            self._admitted_count -= 1

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._settings.longest_wait.total_seconds()):
                await self._slots.acquire()
        except TimeoutError as expired:
            raise TooBusy("Other pictures take too long to be read.", retry_after=RETRY_AFTER) from expired
        try:
            yield
        finally:
            self._slots.release()

    async def _run_in_process(self, request: PictureRequest) -> PictureResult:
        process, result = await self._free_process(), None
        try:
            async with asyncio.timeout(self._settings.patience.total_seconds()):
                result = await process.send(request)
        except TimeoutError as expired:
            raise TooBusy("Reading the picture takes too long.", retry_after=RETRY_AFTER) from expired
        finally:
            if result is None:
                self._processes.discard(process)
                await process.kill()
        if result is None:
            log.warning("picture_process_died", task=request.task)
            raise UnreadableFile("The picture cannot be read within our limits.")
        self._keep_idle(process)
        return result

    async def _free_process(self) -> PictureProcess:
        while self._idle:
            process, timer = self._idle.popitem()
            timer.cancel()
            if process.is_running:
                return process
            self._processes.discard(process)
        process = await PictureProcess.started()
        self._processes.add(process)
        return process

    def _keep_idle(self, process: PictureProcess) -> None:
        loop = asyncio.get_running_loop()
        self._idle[process] = loop.call_later(self._kept_idle.total_seconds(), self._end_idle, process)

    def _end_idle(self, process: PictureProcess) -> None:
        del self._idle[process]
        ending = asyncio.create_task(self._end(process))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end(self, process: PictureProcess) -> None:
        await process.kill()
        self._processes.discard(process)


async def _as_file(picture: PictureContent, folder: Path) -> Path:
    if isinstance(picture, Path):
        return picture.resolve()
    path = folder / "picture"
    if isinstance(picture, bytes):
        await asyncio.to_thread(path.write_bytes, picture)
        return path
    with path.open("wb") as file:
        async for chunk in picture:
            await asyncio.to_thread(file.write, chunk)
    return path


def _content_of(target: Path) -> bytes:
    return target.read_bytes() if target.exists() else b""
