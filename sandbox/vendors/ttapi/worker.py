"""TTAPI's service: accepts jobs, draws them in real time, and sends a webhook at their end."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, cast

from fastapi import Request

from sandbox.clock import now_ns, stamp
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import ArmedFault, Faults
from sandbox.output_host import blob_name
from sandbox.persistence.ledger import LedgerRow, correlation_of, sha256_of
from sandbox.pictures.upscaling import WorkFailedError
from sandbox.vendors.ttapi.account_rules import AccountRules
from sandbox.vendors.ttapi.drawing import draw_files
from sandbox.vendors.ttapi.envelopes import QUEUE_EXHAUSTED, refusal
from sandbox.vendors.ttapi.job import PACE_OF, PRICE_OF, MidjourneyJob, MidjourneyStatus, Mode
from sandbox.vendors.ttapi.request import ActionRequest, ImagineRequest, seed_in
from sandbox.vendors.ttapi.store import MidjourneyStore

STEPS: Final = 20
SHORTEST_STEP: Final = 0.02
STUCK_AT: Final = 46  #: percent at which work that never finishes stops
FOR_EVER: Final = 10.0**9
UPSCALED_MODE: Final[Mode] = "fast"  #: an action names no mode


class MidjourneyService:
    """The jobs; each runs in its own task."""

    def __init__(self, context: SandboxContext) -> None:
        self.context = context
        self.rules = context.config.rules_of(AccountRules)
        self.store = MidjourneyStore(context, self.rules)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def check_room(self, account: str, mode: Mode) -> None:
        """Raises Refusal: 499 when too many jobs are unfinished, 402 when the quota is too low."""
        if self.store.unfinished(account) >= self.rules.max_queue:
            raise refusal(QUEUE_EXHAUSTED)
        if self.store.balance(account) < PRICE_OF[mode]:
            raise refusal(402)

    def imagine(self, request: ImagineRequest, *, account: str, lasting_faults: list[ArmedFault]) -> MidjourneyJob:
        job = MidjourneyJob(
            id=str(uuid.uuid4()),
            account=account,
            action="imagine",
            prompt=request.prompt,
            mode=request.mode,
            lineage=request.prompt,
            created_ns=now_ns(),
            hook_url=request.hook_url,
            single_images=request.single_images,
        )
        return self._accept(job, lasting_faults)

    def act(self, request: ActionRequest, origin: MidjourneyJob, *, lasting_faults: list[ArmedFault]) -> MidjourneyJob:
        """Raises Refusal (400) when the origin does not offer the action."""
        if request.action not in origin.components:
            raise refusal(400, f"The action {request.action} is not available for this job.")
        created_ns = now_ns()
        job = MidjourneyJob(
            id=str(uuid.uuid4()),
            account=origin.account,
            action=request.action,
            prompt=origin.prompt,
            mode=UPSCALED_MODE,
            lineage=f"{origin.lineage}|{request.action}|{created_ns}",
            created_ns=created_ns,
            hook_url=request.hook_url,
            single_images=request.single_images,
            source=origin.id,
        )
        return self._accept(job, lasting_faults)

    def resume(self) -> None:
        """Restart every job that an earlier process had accepted and not finished."""
        for job in self.store:
            if not job.status.is_final:
                self._start(job)

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def reset(self) -> None:
        await self.stop()
        self.store.clear()

    def _accept(self, job: MidjourneyJob, lasting_faults: list[ArmedFault]) -> MidjourneyJob:
        """Store job, ledger row and faults in one transaction, and start the work. It is charged from now on."""
        seed = seed_in(job.prompt) if job.source is None else None
        row = LedgerRow(
            id=job.id,
            vendor="ttapi",
            model=f"midjourney/{job.action}",
            created_at=stamp(job.created_ns),
            correlation=correlation_of({}, job.hook_url) or seed,
            input_sha256=sha256_of({"prompt": job.prompt, "action": job.action, "source": job.source}),
        )
        with self.context.archive.transaction():
            self.context.board.attach(job.id, lasting_faults)
            self.context.ledger.add(row)
            self.store.save(job)
        self._start(job)
        return job

    def _start(self, job: MidjourneyJob) -> None:
        task = asyncio.create_task(self._run(job), name=f"midjourney {job.id}")
        self._tasks[job.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.id, None))

    async def _run(self, job: MidjourneyJob) -> None:
        faults = self.context.board.faults_of(job.id)
        try:
            await self._queue(job, faults)
            await self._work(job, faults)
        except WorkFailedError as failed:
            job.message = str(failed)
            self._end(job, MidjourneyStatus.FAILED)

    async def _queue(self, job: MidjourneyJob, faults: Faults) -> None:
        seconds = self._seconds(job, faults, Fault.QUEUE_SECONDS, self.context.pace.queue_seconds)
        await asyncio.sleep(FOR_EVER if Fault.NEVER_STARTS in faults else seconds)

    async def _work(self, job: MidjourneyJob, faults: Faults) -> None:
        job.status, job.progress = MidjourneyStatus.ON_QUEUE, 0
        self.store.save(job)
        drawing = asyncio.create_task(self._draw(job))
        try:
            await self._pass_time(job, faults)
            job.width, job.height = await drawing
        finally:
            drawing.cancel()
        if Fault.FAILED in faults:
            raise WorkFailedError(faults.text(Fault.FAILED))
        job.progress = 100
        self._end(job, MidjourneyStatus.SUCCESS)

    async def _pass_time(self, job: MidjourneyJob, faults: Faults) -> None:
        seconds = self._seconds(job, faults, Fault.WORK_SECONDS, self.context.pace.work_seconds)
        ticks = max(1, min(STEPS, int(seconds / SHORTEST_STEP)))
        for tick in range(1, ticks + 1):
            await asyncio.sleep(seconds / ticks)
            job.progress = min(99, 100 * tick // ticks)
            if Fault.NEVER_FINISHES in faults and job.progress >= STUCK_AT:
                job.progress = STUCK_AT
                await asyncio.sleep(FOR_EVER)

    async def _draw(self, job: MidjourneyJob) -> tuple[int, int]:
        """Create the files. Returns the size of the whole picture."""
        source = await self._whole_picture_of(job.source) if job.source else None
        pictures = await self.context.compute(partial(draw_files, job, source))
        for name, (content, _) in zip(job.picture_names, pictures, strict=True):
            await asyncio.to_thread(self.context.blobs.write, blob_name(job.id, name), content)
        return pictures[0][1]

    async def _whole_picture_of(self, job_id: str) -> bytes:
        origin = next(one for one in self.store if one.id == job_id)
        name = blob_name(origin.id, origin.picture_names[0])
        return await asyncio.to_thread(self.context.blobs.read, name)

    def _end(self, job: MidjourneyJob, status: MidjourneyStatus) -> None:
        job.status = status
        with self.context.archive.transaction():
            self.store.save(job)
            self.context.ledger.settle(job.id, outcome=status.name, charge=job.charge)
            if job.hook_url:
                body = json.dumps(self.store.document(job))
                self.context.webhooks.send(owner=job.id, url=job.hook_url, body=body, final=True, signed=False)

    @staticmethod
    def _seconds(job: MidjourneyJob, faults: Faults, fault: Fault, usual: float) -> float:
        return faults.seconds(fault) if fault in faults else usual * PACE_OF[job.mode]


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[MidjourneyService]:
    service = MidjourneyService(context)
    service.resume()
    try:
        yield service
    finally:
        await service.stop()


def midjourney_of(request: Request) -> MidjourneyService:
    return cast(MidjourneyService, context_of(request).services["ttapi"])
