"""Replicate's service: accepts predictions, and owns the store, the files and the worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from fastapi import Request

from sandbox.clock import now_ns, stamp
from sandbox.context import SandboxContext, context_of
from sandbox.faults.catalogue import Operation
from sandbox.faults.fault_board import ArmedFault, faults_in, faults_in_filename
from sandbox.ids_and_links import new_id
from sandbox.persistence.ledger import LedgerRow, correlation_of, sha256_of
from sandbox.vendors.replicate.files import FileStore
from sandbox.vendors.replicate.models import ReplicateModel
from sandbox.vendors.replicate.prediction import Prediction
from sandbox.vendors.replicate.request import CreateRequest, deadline_from
from sandbox.vendors.replicate.store import PredictionStore
from sandbox.vendors.replicate.worker import PredictionWorker

LONGEST_ERASE_PAUSE: Final = 60.0


class ReplicateService:
    """Predictions, files, and the worker."""

    def __init__(self, context: SandboxContext) -> None:
        self.context = context
        self.files = FileStore(context)
        self.store = PredictionStore(context)
        self.worker = PredictionWorker(context, self.store, self.files)

    def faults_of(self, request: CreateRequest) -> list[ArmedFault]:
        """The faults named in the input's URLs, and in the names of uploaded files that the input uses."""
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
        lasting_faults: list[ArmedFault],
    ) -> Prediction:
        """Store prediction, ledger row and faults in one transaction, and start the work. It is charged from now on."""
        created_ns = now_ns()
        shortest = self.context.config.shortest_deadline.total_seconds()
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
            input_sha256=sha256_of(request.input),
        )
        with self.context.archive.transaction():
            self.context.board.attach(prediction.id, lasting_faults)
            self.context.ledger.add(row)
            self.store.save(prediction)
        self.worker.start(prediction)
        return prediction

    async def reset(self) -> None:
        await self.worker.stop()
        self.store.clear()
        self.files.clear()

    async def erase_periodically(self) -> None:
        """Erase what is past its retention, also when it is never requested."""
        pause = min(LONGEST_ERASE_PAUSE, max(0.1, self.context.config.retention.total_seconds() / 4))
        while True:
            await asyncio.sleep(pause)
            await self.store.erase_all_due()
            await self.files.remove_expired()


@asynccontextmanager
async def opened(context: SandboxContext) -> AsyncIterator[ReplicateService]:
    service = ReplicateService(context)
    service.worker.resume()
    eraser = asyncio.create_task(service.erase_periodically())
    try:
        yield service
    finally:
        eraser.cancel()
        await asyncio.gather(eraser, return_exceptions=True)
        await service.worker.stop()


def service_of(request: Request) -> ReplicateService:
    return cast(ReplicateService, context_of(request).services["replicate"])
