"""Recognises pages in guarded processes: one that dies costs the page that it was at."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from aijobs.adapters.documents.settings import RecognitionSettings
from aijobs.adapters.documents.texts.recognition.page_request import RecognisedPage, RecognitionRequest

ROOT: Final = Path(__file__).parents[5]
MAX_LINE_BYTES: Final = 8 * 1024**2
MAX_FAILURES: Final = 3  #: processes that die in a row, without a page between them

_BEYOND_LIMITS: Final = "it cannot be recognised within our limits of time and memory"

log = structlog.get_logger()


class Recogniser:
    """Recognises the pages of up to `at_once` documents at a time; the others wait."""

    def __init__(self, settings: RecognitionSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.at_once)

    async def pages(self, path: Path, numbers: Sequence[int], password: str | None) -> Mapping[int, RecognisedPage]:
        """Each of the pages, recognised or with its problem."""
        done: dict[int, RecognisedPage] = {}
        failures = 0
        async with self._slots:
            while left := [number for number in numbers if number not in done]:
                pages = left if failures < MAX_FAILURES else []
                request = RecognitionRequest(path=path, pages=tuple(pages), password=password, settings=self._settings)
                count = len(done)
                async for page in self._run_process(request) if pages else _nothing():
                    done[page.page] = page
                failures = 0 if len(done) > count else failures + 1
                if lost := [number for number in left if number not in done]:
                    lost = lost if failures >= MAX_FAILURES else lost[:1]
                    done |= {number: RecognisedPage(page=number, problem=_BEYOND_LIMITS) for number in lost}
        return done

    async def _run_process(self, request: RecognitionRequest) -> AsyncIterator[RecognisedPage]:
        """The pages that it gets done before it ends, dies, or takes too long over one."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "aijobs.adapters.documents.texts.recognition.process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={
                "PYTHONPATH": str(ROOT),
                "PYTHONDONTWRITEBYTECODE": "1",
                "LC_ALL": "C.UTF-8",
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
            limit=MAX_LINE_BYTES,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request.model_dump_json().encode())
            process.stdin.close()
            while line := await asyncio.wait_for(process.stdout.readline(), self._settings.patience.total_seconds()):
                if not line.endswith(b"\n"):  # it died while it wrote
                    break
                yield RecognisedPage.model_validate_json(line)
            await process.wait()
        except TimeoutError:
            log.warning("recognising_takes_too_long")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            log.warning("recognising_process_died", returncode=process.returncode)


async def _nothing() -> AsyncIterator[RecognisedPage]:
    return
    yield
