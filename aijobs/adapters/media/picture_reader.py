"""Looking into pictures in guarded processes: whatever a picture does to its decoder, nothing happens here."""

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
from aijobs.domain.values.pictures import CleanPhoto, ImageFacts, PictureContent

ROOT: Final = Path(__file__).parents[3]
COME_BACK_AFTER: Final = timedelta(seconds=5)

#: Which error a result of the picture process becomes.
ERROR_OF: Final[Mapping[str, type[BadInput]]] = {error.code: error for error in (UnreadableFile, FileTooLarge)}

log = structlog.get_logger()


class PictureProcess:
    """One running picture process. Not to be asked again once anything has gone wrong."""

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

    async def answer(self, request: PictureRequest) -> PictureResult | None:
        """Nothing when it has died, or answers what is no answer."""
        asking, answering = self._process.stdin, self._process.stdout
        assert asking is not None
        assert answering is not None
        try:
            asking.write(request.model_dump_json().encode() + b"\n")
            await asking.drain()
            return PictureResult.model_validate_json(await answering.readline())
        except (OSError, ValueError):
            return None

    async def kill(self) -> None:
        """With whatever it has forked."""
        if self.is_running:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


class PictureReader:
    """Implements PictureDecoder. A few pictures are looked into at once; the others wait for their turn.

    Its processes are started when they are first needed, and end with it.
    """

    def __init__(self, settings: PictureSettings) -> None:
        self._settings = settings
        self._turns = asyncio.Semaphore(settings.at_once)
        self._inside = 0
        self._processes: set[PictureProcess] = set()
        self._idle: list[PictureProcess] = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: PictureSettings) -> AsyncIterator[Self]:
        reader = cls(settings)
        try:
            yield reader
        finally:
            await asyncio.gather(*(process.kill() for process in reader._processes))

    async def check(self, picture: PictureContent) -> ImageFacts:
        result, _ = await self._done(picture, PictureTask.CHECK)
        return ImageFacts(result.media_type, result.width, result.height)

    async def clean(self, photo: PictureContent) -> CleanPhoto:
        result, content = await self._done(photo, PictureTask.CLEAN)
        return CleanPhoto(content, result.width, result.height)

    async def thumbnail(self, picture: PictureContent, side: int, *, square: bool = False) -> bytes:
        _, content = await self._done(picture, PictureTask.THUMBNAIL, side=side, square=square)
        return content

    async def measure(self, photo: PictureContent) -> Measurements:
        result, _ = await self._done(photo, PictureTask.MEASURE)
        if result.measurements is None:
            raise UnreadableFile("The photo cannot be measured.")
        return result.measurements

    async def copy_to_show(self, photo: PictureContent) -> bytes:
        _, content = await self._done(photo, PictureTask.COPY)
        return content

    async def _done(self, picture: PictureContent, task: PictureTask, **more: Any) -> tuple[PictureResult, bytes]:
        """And the picture that came of it, if one did."""
        with self._admitted(), tempfile.TemporaryDirectory(prefix="aijobs-") as folder:
            path, target = await _in_file(picture, Path(folder)), Path(folder) / "target"
            request = PictureRequest(task=task, path=path, target=target, limits=self._settings, **more)
            async with self._turn():
                result = await self._answer(request)
            if result.error_code is not None:
                raise ERROR_OF.get(result.error_code, UnreadableFile)(result.message)
            return result, await asyncio.to_thread(_content_of, target)

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._inside >= self._settings.at_once + self._settings.waiting:
            raise TooBusy("Too many pictures are waiting to be read.", retry_after=COME_BACK_AFTER)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._settings.longest_wait.total_seconds()):
                await self._turns.acquire()
        except TimeoutError as full:
            raise TooBusy("Other pictures take too long to be read.", retry_after=COME_BACK_AFTER) from full
        try:
            yield
        finally:
            self._turns.release()

    async def _answer(self, request: PictureRequest) -> PictureResult:
        process, result = await self._free_process(), None
        try:
            async with asyncio.timeout(self._settings.patience.total_seconds()):
                result = await process.answer(request)
        except TimeoutError as endless:
            raise UnreadableFile("Reading the picture takes too long.") from endless
        finally:
            if result is None:
                self._processes.discard(process)
                await process.kill()
        if result is None:
            log.warning("picture_process_died", task=request.task)
            raise UnreadableFile("The picture cannot be read within our limits.")
        self._idle.append(process)
        return result

    async def _free_process(self) -> PictureProcess:
        while self._idle:
            if (process := self._idle.pop()).is_running:
                return process
            self._processes.discard(process)
        process = await PictureProcess.started()
        self._processes.add(process)
        return process


async def _in_file(picture: PictureContent, folder: Path) -> Path:
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
