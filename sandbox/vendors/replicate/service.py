"""Replicate's service: takes predictions in, answers for them, and holds store, files and worker together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from fastapi import Request

from sandbox.clock import now_ns, stamp
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Operation
from sandbox.faults.fault_board import Armed, faults_in, faults_in_filename
from sandbox.ids import new_id
from sandbox.persistence.ledger import LedgerRow, correlation_of, hash_of
from sandbox.vendors.replicate.files import FileStore
from sandbox.vendors.replicate.models import ReplicateModel
from sandbox.vendors.replicate.prediction import Prediction
from sandbox.vendors.replicate.request import CreateRequest, deadline_from
from sandbox.vendors.replicate.store import PredictionStore
from sandbox.vendors.replicate.worker import PredictionWorker

LONGEST_SWEEP_PAUSE: Final = 60.0


class ReplicateService:
    """Predictions, files, and the work on them."""

    def __init__(self, world: SandboxContext) -> None:
        self.world = world
        self.files = FileStore(world)
        self.store = PredictionStore(world)
        self.worker = PredictionWorker(world, self.store, self.files)

    def faults_of(self, request: CreateRequest) -> list[Armed]:
        """Those named by the input's URLs, and by the names of uploaded files that the input uses."""
        names = [self.files.name_of(value) for value in request.input.values() if isinstance(value, str)]
        in_names = ",".join(faults_in_filename(name) for name in names if name)
        return request.faults() + faults_in(in_names, during=Operation.CREATE)

    def accept(
        self,
        request: CreateRequest,
        model: ReplicateModel,
        *,
        version: str,
        cancel_after: str | None,
        riders: list[Armed],
    ) -> Prediction:
        """From here on it is paid for: prediction, ledger row and riding faults are on the disk."""
        created_ns = now_ns()
        shortest = self.world.config.shortest_deadline.total_seconds()
        prediction = Prediction(
            id=new_id(),
            model=model.full_name,
            version=version,
            input=request.input,
            created_ns=created_ns,
            deadline_ns=deadline_from(cancel_after, created_ns=created_ns, shortest_seconds=shortest),
            webhook=request.webhook,
            webhook_events=request.webhook_events,
        )
        row = LedgerRow(
            id=prediction.id,
            vendor="replicate",
            model=model.full_name,
            created_at=stamp(created_ns),
            correlation=correlation_of(request.input, request.webhook),
            input_sha256=hash_of(request.input),
        )
        with self.world.archive.together():
            self.world.board.ride(prediction.id, riders)
            self.world.ledger.enter(row)
            self.store.save(prediction)
        self.worker.start(prediction)
        return prediction

    async def reset(self) -> None:
        await self.worker.stop()
        self.store.clear()
        self.files.clear()

    async def sweep_for_ever(self) -> None:
        """Erase what is past its retention, even when nobody asks for it."""
        pause = min(LONGEST_SWEEP_PAUSE, max(0.1, self.world.config.retention.total_seconds() / 4))
        while True:
            await asyncio.sleep(pause)
            await self.store.erase_all_due()
            await self.files.remove_expired()


@asynccontextmanager
async def opened(world: SandboxContext) -> AsyncIterator[ReplicateService]:
    service = ReplicateService(world)
    service.worker.resume()
    sweeping = asyncio.create_task(service.sweep_for_ever())
    try:
        yield service
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
        await service.worker.stop()


def service_of(request: Request) -> ReplicateService:
    return cast(ReplicateService, context_of(request).services["replicate"])
