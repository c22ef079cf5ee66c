"""Runs predictions in real time: queue, download, upscale, upload, and the webhooks of each event."""

import asyncio
import json
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final, TypeVar

from sandbox.clock import NANOSECONDS, now_ns
from sandbox.context import SandboxContext
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import Faults
from sandbox.output_host import blob_name
from sandbox.pictures import input_images, upscaling
from sandbox.pictures.upscaling import WorkFailedError
from sandbox.vendors.replicate.files import FileStore
from sandbox.vendors.replicate.models import MODELS, Work, drawn, upscale_options
from sandbox.vendors.replicate.prediction import Event, Prediction, PredictionStatus, output_name
from sandbox.vendors.replicate.store import PredictionStore
from sandbox.vendors.replicate.tqdm_progress import tqdm_line

INTERRUPTED: Final = "Prediction interrupted; please retry (code: PA)"
STEPS: Final = 50
SHORTEST_STEP: Final = 0.02
STUCK_AT: Final = 21  # the step at which work that never finishes stops
WEBHOOK_INTERVAL: Final = 0.5  # output and logs are reported at most this often
FOR_EVER: Final = 10.0**9


First = TypeVar("First")
Second = TypeVar("Second")


class PredictionWorker:
    """Runs each prediction in its own task."""

    def __init__(self, context: SandboxContext, store: PredictionStore, files: FileStore) -> None:
        self._context = context
        self._store = store
        self._files = files
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._reported: dict[str, dict[Event, float]] = {}

    def resume(self) -> None:
        """Restart every prediction that an earlier process had accepted and not finished."""
        for prediction in self._store:
            if not prediction.status.is_final:
                self.start(prediction)

    def start(self, prediction: Prediction) -> None:
        task = asyncio.create_task(self._run(prediction), name=f"prediction {prediction.id}")
        self._tasks[prediction.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(prediction.id, None))

    async def wait(self, prediction: Prediction, seconds: float) -> None:
        """Wait until it has ended, at most `seconds`."""
        task = self._tasks.get(prediction.id)
        if task is not None:
            timeout = asyncio.create_task(self._context.closing.sleep(seconds))
            await asyncio.wait({task, timeout}, return_when=asyncio.FIRST_COMPLETED)
            timeout.cancel()

    async def cancel(self, prediction: Prediction) -> None:
        """A prediction that has ended is not changed."""
        task = self._tasks.get(prediction.id)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if not prediction.status.is_final:
            self._end(prediction, PredictionStatus.CANCELED)

    async def stop(self) -> None:
        """Cancel all tasks. The predictions keep their status, and `resume` restarts them."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, prediction: Prediction) -> None:
        faults = self._context.board.faults_of(prediction.id)
        try:
            async with asyncio.timeout(_seconds_left(prediction)):
                await self._queue(prediction, faults)
                await self._work(prediction, faults)
        except TimeoutError:
            self._end(prediction, PredictionStatus.CANCELED if prediction.started_ns else PredictionStatus.ABORTED)
        except WorkFailedError as failure:
            self._end(prediction, PredictionStatus.FAILED, error=str(failure))

    async def _queue(self, prediction: Prediction, faults: Faults) -> None:
        waiting = _seconds_of(faults, Fault.QUEUE_SECONDS, self._context.pace.queue_seconds)
        await asyncio.sleep(FOR_EVER if Fault.NEVER_STARTS in faults else waiting)
        if Fault.ABORTED in faults:
            prediction.deadline_ns = now_ns()
            raise TimeoutError

    async def _work(self, prediction: Prediction, faults: Faults) -> None:
        prediction.start()
        self._store.save(prediction)
        self._report(prediction, Event.START)
        model = MODELS[prediction.model]
        picture = await self._fetch(str(prediction.input["image"])) if model.work is Work.UPSCALE else b""
        seconds = _seconds_of(faults, Fault.WORK_SECONDS, self._context.pace.work_seconds)
        pacing = self._log_progress(prediction, seconds, endless=Fault.NEVER_FINISHES in faults)
        await _run_both(pacing, self._make(prediction, model.work, picture))
        if Fault.INTERRUPTED in faults:
            prediction.is_interrupted = True
            raise WorkFailedError(INTERRUPTED)
        if Fault.FAILED in faults:
            raise WorkFailedError(faults.text(Fault.FAILED))
        await self._finish(prediction, faults)

    async def _finish(self, prediction: Prediction, faults: Faults) -> None:
        self._report(prediction, Event.OUTPUT)
        if Fault.PROCESSING_WITH_OUTPUT in faults:
            await asyncio.sleep(faults.seconds(Fault.PROCESSING_WITH_OUTPUT))
        self._end(prediction, PredictionStatus.SUCCEEDED)

    async def _fetch(self, url: str) -> bytes:
        if url.startswith("data:"):
            return input_images.from_data_url(url)
        uploaded = self._files.file_id_in(url)
        if uploaded is not None:
            return await self._files.read(uploaded)
        return await input_images.from_web(self._context.http, url, max_bytes=self._context.config.max_file_bytes)

    async def _make(self, prediction: Prediction, work: Work, picture: bytes) -> None:
        match work:
            case Work.UPSCALE:
                options = upscale_options(prediction.input, max_pixels=self._context.config.max_output_pixels)
                files = [await self._context.compute(partial(upscaling.upscale, picture, options))]
                names = [output_name(options.format)]
            case Work.DRAW:
                names, files = await self._context.compute(partial(drawn, prediction.input))
                prediction.gives_list = True
            case Work.GREET:
                prediction.output_text = f"hello {prediction.input['text']}"
                return
        for name, content in zip(names, files, strict=True):
            await asyncio.to_thread(self._context.blobs.write, blob_name(prediction.id, name), content)
        prediction.output_names = names

    async def _log_progress(self, prediction: Prediction, seconds: float, *, endless: bool) -> None:
        began = time.monotonic()
        ticks = max(1, min(STEPS, int(seconds / SHORTEST_STEP)))
        for tick in range(ticks + 1):
            await asyncio.sleep(max(0.0, began + seconds * tick / ticks - time.monotonic()))
            step = STEPS * tick // ticks
            if endless and step > STUCK_AT:
                await asyncio.sleep(FOR_EVER)
            elapsed = time.monotonic() - began
            prediction.logs += tqdm_line(step=step, total=STEPS, elapsed=elapsed) + "\n"
            self._report(prediction, Event.LOGS)

    def _end(self, prediction: Prediction, status: PredictionStatus, *, error: str | None = None) -> None:
        prediction.end(status, error=error)
        self._reported.pop(prediction.id, None)
        with self._context.archive.transaction():
            self._store.save(prediction)
            self._context.ledger.settle(prediction.id, outcome=status.value, charge=prediction.charge)
            self._report(prediction, Event.COMPLETED)

    def _report(self, prediction: Prediction, event: Event) -> None:
        if prediction.webhook is None or event not in prediction.webhook_events:
            return
        if event in (Event.OUTPUT, Event.LOGS):
            last = self._reported.setdefault(prediction.id, {})
            if time.monotonic() - last.get(event, -WEBHOOK_INTERVAL) < WEBHOOK_INTERVAL:
                return
            last[event] = time.monotonic()
        self._context.webhooks.send(
            owner=prediction.id,
            url=prediction.webhook,
            body=json.dumps(self._store.document(prediction)),
            final=event is Event.COMPLETED,
        )


async def _run_both(first: Coroutine[Any, Any, First], second: Coroutine[Any, Any, Second]) -> tuple[First, Second]:
    """Both results; when one of them fails, the other is canceled."""
    tasks = asyncio.create_task(first), asyncio.create_task(second)
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _seconds_of(faults: Faults, fault: Fault, usual: float) -> float:
    return faults.seconds(fault) if fault in faults else usual


def _seconds_left(prediction: Prediction) -> float | None:
    if prediction.deadline_ns is None:
        return None
    return max(0.0, (prediction.deadline_ns - now_ns()) / NANOSECONDS)
