"""TTAPI's service: takes jobs in, draws them in real time, and tells of their end."""

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
from sandbox.faults.fault_board import Armed, Faults
from sandbox.output_host import blob_name
from sandbox.persistence.ledger import LedgerRow, correlation_of, hash_of
from sandbox.pictures.upscaling import WorkFailedError
from sandbox.vendors.ttapi.account_rules import AccountRules
from sandbox.vendors.ttapi.drawing import drawn
from sandbox.vendors.ttapi.envelopes import QUEUE_EXHAUSTED, refusal
from sandbox.vendors.ttapi.job import PACE_OF, PRICE_OF, MidjourneyJob, MidjourneyStatus, Mode
from sandbox.vendors.ttapi.request import ActionRequest, ImagineRequest, seed_in
from sandbox.vendors.ttapi.store import MidjourneyStore

STEPS: Final = 20
SHORTEST_STEP: Final = 0.02
STUCK_AT: Final = 46  #: percent at which work that never finishes stands still
FOR_EVER: Final = 10.0**9
UPSCALED_MODE: Final[Mode] = "fast"  #: an action names no mode


class MidjourneyService:
    """The jobs, and the work on them, each in a task of its own."""

    def __init__(self, world: SandboxContext) -> None:
        self.world = world
        self.rules = world.config.rules_of(AccountRules)
        self.store = MidjourneyStore(world, self.rules)
        self._lives: dict[str, asyncio.Task[None]] = {}

    def check_room(self, account: str, mode: Mode) -> None:
        """Raises Refusal: 499 when too many jobs are under way, 402 when the quota does not suffice."""
        if self.store.unfinished(account) >= self.rules.max_queue:
            raise refusal(QUEUE_EXHAUSTED)
        if self.store.balance(account) < PRICE_OF[mode]:
            raise refusal(402)

    def imagine(self, asked: ImagineRequest, *, account: str, riders: list[Armed]) -> MidjourneyJob:
        job = MidjourneyJob(
            id=str(uuid.uuid4()),
            account=account,
            action="imagine",
            prompt=asked.prompt,
            mode=asked.mode,
            lineage=asked.prompt,
            created_ns=now_ns(),
            hook_url=asked.hook_url,
            single_images=asked.single_images,
        )
        return self._accept(job, riders)

    def act(self, asked: ActionRequest, origin: MidjourneyJob, *, riders: list[Armed]) -> MidjourneyJob:
        """Raises Refusal (400) when the origin does not offer the action."""
        if asked.action not in origin.components:
            raise refusal(400, f"The action {asked.action} is not available for this job.")
        created_ns = now_ns()
        job = MidjourneyJob(
            id=str(uuid.uuid4()),
            account=origin.account,
            action=asked.action,
            prompt=origin.prompt,
            mode=UPSCALED_MODE,
            lineage=f"{origin.lineage}|{asked.action}|{created_ns}",
            created_ns=created_ns,
            hook_url=asked.hook_url,
            single_images=asked.single_images,
            source=origin.id,
        )
        return self._accept(job, riders)

    def resume(self) -> None:
        """Go on with everything that an earlier life of this sandbox had accepted and not finished."""
        for job in self.store:
            if not job.status.is_final:
                self._start(job)

    async def stop(self) -> None:
        lives = list(self._lives.values())
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)

    async def reset(self) -> None:
        await self.stop()
        self.store.clear()

    def _accept(self, job: MidjourneyJob, riders: list[Armed]) -> MidjourneyJob:
        """From here on it is paid for: job, ledger row and riding faults are on the disk."""
        planted = seed_in(job.prompt) if job.source is None else None
        row = LedgerRow(
            id=job.id,
            vendor="ttapi",
            model=f"midjourney/{job.action}",
            created_at=stamp(job.created_ns),
            correlation=correlation_of({}, job.hook_url) or planted,
            input_sha256=hash_of({"prompt": job.prompt, "action": job.action, "source": job.source}),
        )
        with self.world.archive.together():
            self.world.board.ride(job.id, riders)
            self.world.ledger.enter(row)
            self.store.save(job)
        self._start(job)
        return job

    def _start(self, job: MidjourneyJob) -> None:
        life = asyncio.create_task(self._live(job), name=f"midjourney {job.id}")
        self._lives[job.id] = life
        life.add_done_callback(lambda _: self._lives.pop(job.id, None))

    async def _live(self, job: MidjourneyJob) -> None:
        faults = self.world.board.riding(job.id)
        try:
            await self._queue(job, faults)
            await self._work(job, faults)
        except WorkFailedError as failed:
            job.message = str(failed)
            self._end(job, MidjourneyStatus.FAILED)

    async def _queue(self, job: MidjourneyJob, faults: Faults) -> None:
        seconds = self._seconds(job, faults, Fault.QUEUE_SECONDS, self.world.pace.queue_seconds)
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
        seconds = self._seconds(job, faults, Fault.WORK_SECONDS, self.world.pace.work_seconds)
        ticks = max(1, min(STEPS, int(seconds / SHORTEST_STEP)))
        for tick in range(1, ticks + 1):
            await asyncio.sleep(seconds / ticks)
            job.progress = min(99, 100 * tick // ticks)
            if Fault.NEVER_FINISHES in faults and job.progress >= STUCK_AT:
                job.progress = STUCK_AT
                await asyncio.sleep(FOR_EVER)

    async def _draw(self, job: MidjourneyJob) -> tuple[int, int]:
        """Make the files; the size of the whole picture."""
        source = await self._whole_picture_of(job.source) if job.source else None
        pictures = await self.world.compute(partial(drawn, job, source))
        for name, (content, _) in zip(job.picture_names, pictures, strict=True):
            await asyncio.to_thread(self.world.blobs.write, blob_name(job.id, name), content)
        return pictures[0][1]

    async def _whole_picture_of(self, job_id: str) -> bytes:
        origin = next(one for one in self.store if one.id == job_id)
        name = blob_name(origin.id, origin.picture_names[0])
        return await asyncio.to_thread(self.world.blobs.read, name)

    def _end(self, job: MidjourneyJob, status: MidjourneyStatus) -> None:
        job.status = status
        with self.world.archive.together():
            self.store.save(job)
            self.world.ledger.settle(job.id, outcome=status.name, charge=job.charge)
            if job.hook_url:
                body = json.dumps(self.store.document(job))
                self.world.webhooks.send(owner=job.id, url=job.hook_url, body=body, final=True, signed=False)

    @staticmethod
    def _seconds(job: MidjourneyJob, faults: Faults, fault: Fault, usual: float) -> float:
        return faults.seconds(fault) if fault in faults else usual * PACE_OF[job.mode]


@asynccontextmanager
async def opened(world: SandboxContext) -> AsyncIterator[MidjourneyService]:
    service = MidjourneyService(world)
    service.resume()
    try:
        yield service
    finally:
        await service.stop()


def midjourney_of(request: Request) -> MidjourneyService:
    return cast(MidjourneyService, context_of(request).services["ttapi"])
