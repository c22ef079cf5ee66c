"""Accepts tasks, works on them in real time, and ends them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sandbox.clock import NANOSECONDS, now_ns, stamp
from sandbox.context import SandboxContext
from sandbox.faults.catalogue import Fault
from sandbox.faults.fault_board import ArmedFault, Faults
from sandbox.output_host import blob_name
from sandbox.persistence.ledger import LedgerRow, correlation_of, sha256_of
from sandbox.pictures.upscaling import WorkFailedError
from sandbox.tasks.task import SimulatedTask, TaskStatus

STEPS: Final = 20
SHORTEST_STEP: Final = 0.02  #: seconds
STUCK_AT: Final = 0.4  #: progress at which work that never finishes stops
FOR_EVER: Final = 10.0**9


@dataclass(frozen=True)
class OutputFile:
    """One result: the name that its link ends with, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class TaskRules:
    """How one vendor's tasks are worked on.

    `work` makes the results; it blocks, and raises WorkFailedError. `ended` is called once with each task that has
    ended, within the transaction that stores it: the place to send a webhook.
    """

    vendor: str
    work: Callable[[SimulatedTask], list[OutputFile]]
    ended: Callable[[SimulatedTask], None] = lambda _task: None


class TaskEngine:
    """The tasks of one vendor; each runs in its own asyncio task. Implements VendorService."""

    def __init__(self, context: SandboxContext, rules: TaskRules) -> None:
        self.context = context
        self._rules = rules
        self._kind = f"{rules.vendor}.tasks"
        stored = [SimulatedTask.model_validate_json(body) for body in context.archive.all(self._kind)]
        self._tasks = {one.id: one for one in sorted(stored, key=lambda one: one.created_ns)}
        self._running: dict[str, asyncio.Task[None]] = {}

    def __iter__(self) -> Iterator[SimulatedTask]:
        """Oldest first."""
        return iter(tuple(self._tasks.values()))

    def find(self, task_id: str, *, account: str) -> SimulatedTask | None:
        """The account's task."""
        task = self._tasks.get(task_id)
        return task if task is not None and task.account == account else None

    def accept(self, task: SimulatedTask, lasting_faults: list[ArmedFault]) -> SimulatedTask:
        """Store it with its faults in one transaction, and start the work. It is charged from now on."""
        row = LedgerRow(
            id=task.id,
            vendor=self._rules.vendor,
            model=task.model,
            created_at=stamp(task.created_ns),
            correlation=task.correlation or correlation_of(task.request, task.webhook_url),
            input_sha256=sha256_of(task.request),
        )
        with self.context.archive.transaction():
            self.context.board.attach(task.id, lasting_faults)
            self.context.ledger.add(row)
            self._save(task)
        self._start(task)
        return task

    def faults_of(self, task: SimulatedTask) -> Faults:
        return self.context.board.faults_of(task.id)

    def cancel(self, task: SimulatedTask) -> bool:
        """Stop it. False when it has ended; `cancel_ignored` lets it go on."""
        if task.status.is_final:
            return False
        if running := self._running.get(task.id):
            running.cancel()
        self._end(task, TaskStatus.CANCELED)
        return True

    def remove(self, task: SimulatedTask) -> None:
        """Forget one that has ended, as vendors do when it is deleted."""
        self._tasks.pop(task.id, None)
        self.context.archive.remove(self._kind, task.id)

    def links(self, task: SimulatedTask, *, lifetime_seconds: float) -> list[str]:
        """Links to the results of a finished task, valid from now on for so long; faults may change them."""
        faults = self.faults_of(task)
        if task.status is not TaskStatus.DONE or Fault.ZERO_OUTPUTS in faults:
            return []
        if Fault.OUTPUT_AT in faults:
            return [faults.text(Fault.OUTPUT_AT)]
        expires_ns = now_ns() + int(lifetime_seconds * NANOSECONDS)
        return [self.context.links.to(task.id, name, expires_ns=expires_ns) for name in task.outputs]

    async def reset(self) -> None:
        await self.stop()
        self._tasks.clear()
        self.context.archive.clear(self._kind)

    def resume(self) -> None:
        for task in self:
            if not task.status.is_final:
                self._start(task)

    async def stop(self) -> None:
        running = list(self._running.values())
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _save(self, task: SimulatedTask) -> None:
        self._tasks[task.id] = task
        self.context.archive.put(self._kind, task.id, task.model_dump_json())

    def _start(self, task: SimulatedTask) -> None:
        running = asyncio.create_task(self._run(task), name=f"{self._rules.vendor} {task.id}")
        self._running[task.id] = running
        running.add_done_callback(lambda _: self._running.pop(task.id, None))

    async def _run(self, task: SimulatedTask) -> None:
        faults = self.faults_of(task)
        try:
            await self._queue(faults)
            await self._work(task, faults)
        except WorkFailedError as failed:
            task.message = str(failed)
            self._end(task, TaskStatus.FAILED)

    async def _queue(self, faults: Faults) -> None:
        seconds = self._seconds(faults, Fault.QUEUE_SECONDS, self.context.pace.queue_seconds)
        await asyncio.sleep(FOR_EVER if Fault.NEVER_STARTS in faults else seconds)

    async def _work(self, task: SimulatedTask, faults: Faults) -> None:
        task.status, task.started_ns = TaskStatus.WORKING, now_ns()
        self._save(task)
        making = asyncio.create_task(self._make(task))
        try:
            await self._pass_time(task, faults)
            task.outputs = await making
        finally:
            making.cancel()
        if Fault.FAILED in faults:
            raise WorkFailedError(faults.text(Fault.FAILED))
        self._end(task, TaskStatus.DONE)

    async def _pass_time(self, task: SimulatedTask, faults: Faults) -> None:
        seconds = self._seconds(faults, Fault.WORK_SECONDS, self.context.pace.work_seconds)
        ticks = max(1, min(STEPS, int(seconds / SHORTEST_STEP)))
        for tick in range(1, ticks + 1):
            await asyncio.sleep(seconds / ticks)
            task.progress = min(0.99, tick / ticks)
            if Fault.NEVER_FINISHES in faults and task.progress >= STUCK_AT:
                task.progress = STUCK_AT
                await asyncio.sleep(FOR_EVER)

    async def _make(self, task: SimulatedTask) -> list[str]:
        files = await self.context.compute(lambda: self._rules.work(task))
        for file in files:
            await asyncio.to_thread(self.context.blobs.write, blob_name(task.id, file.name), file.content)
        return [file.name for file in files]

    def _end(self, task: SimulatedTask, status: TaskStatus) -> None:
        task.status, task.ended_ns = status, now_ns()
        task.progress = 1.0 if status is TaskStatus.DONE else task.progress
        with self.context.archive.transaction():
            self._save(task)
            self.context.ledger.settle(task.id, outcome=status.name, charge=task.charge)
            self._rules.ended(task)

    @staticmethod
    def _seconds(faults: Faults, fault: Fault, usual: float) -> float:
        return faults.seconds(fault) if fault in faults else usual


@asynccontextmanager
async def opened_engine(context: SandboxContext, rules: TaskRules) -> AsyncIterator[TaskEngine]:
    """Continues what an earlier process had accepted and not finished."""
    engine = TaskEngine(context, rules)
    engine.resume()
    try:
        yield engine
    finally:
        await engine.stop()
