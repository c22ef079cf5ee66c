"""One provider with its simulated vendor, for the contract suite."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aijobs.adapters.network.http_client import Timeouts
from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.submissions import Accepted, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Snapshot, Task
from aijobs.domain.values.ids import new_id
from aijobs.providers.registry import PROVIDERS
from sandbox.server import RunningSandbox
from tests.providers.parts import PARTS, Part

TIMEOUTS: Final = Timeouts(silence=timedelta(seconds=0.8), whole=timedelta(seconds=2))
POLL: Final = 0.02
LONGEST: Final = 60.0  #: seconds, on however slow a machine


@dataclass(frozen=True)
class Scene:
    """`sandbox.misbehave(...)` first, then act by `provider`."""

    provider: Provider
    sandbox: RunningSandbox
    model: Model
    part: Part

    def submission(
        self, *, webhook_url: str | None = None, action: str | None = None, origin: Ref | None = None, **params: Any
    ) -> Submission:
        """A new submission, as it is stored before it is sent. Its token is in its webhook URL, if it has one."""
        token = new_id("sub")
        task = Task(
            job_code=new_id("job"),
            model=self.model,
            params={**self.part.params, **params},
            output_count=1,
            token=token,
            webhook_url=webhook_url and f"{webhook_url}/{token}",
            action=action,
            origin=origin,
        )
        return stored(task, self.provider.build_request(task))

    async def submit(self, submission: Submission) -> SubmitOutcome:
        return await self.provider.submit(submission.request)

    async def started(self, **params: Any) -> Ref:
        outcome = await self.submit(self.submission(**params))
        assert isinstance(outcome, Accepted)
        return outcome.ref

    async def watched(self, ref: Ref) -> list[Snapshot]:
        """Every snapshot until the final one."""
        snapshots: list[Snapshot] = []
        async with asyncio.timeout(LONGEST):
            while not snapshots or not snapshots[-1].final:
                snapshots.append(await self.provider.query(ref))
                await asyncio.sleep(POLL)
        return snapshots

    async def finished(self, **params: Any) -> tuple[Ref, Snapshot]:
        ref = await self.started(**params)
        return ref, (await self.watched(ref))[-1]

    @property
    def not_found(self) -> Search:
        """What a search without a result is: of a vendor without a list, nothing can be said."""
        return Search.NOT_YET if self.reconciles else Search.IMPOSSIBLE

    @property
    def reconciles(self) -> bool:
        """Whether a request that nothing was prepared for can be found again."""
        return self.provider.capabilities.reconcile_window is not None and not self.part.is_prepared

    async def found(self, submission: Submission) -> Found | Search:
        """The result of looking for a lost submission, once the vendor may list it."""
        async with asyncio.timeout(LONGEST):
            while True:
                found = await self.provider.reconcile(submission, known_ids=frozenset())
                if self.part.lists_running or isinstance(found, Found):
                    return found
                await asyncio.sleep(POLL)

    def paid(self) -> int:
        """How many submits the vendor has accepted."""
        return len(self.sandbox.ledger())


def stored(task: Task, request: ProviderRequest) -> Submission:
    return Submission(
        id=1,
        job_code=task.job_code,
        number=1,
        token=task.token,
        request=request,
        intent_at=datetime.now(UTC),
        outcome=None,
        ref=None,
    )


def aged(submission: Submission, age: timedelta) -> Submission:
    return replace(submission, intent_at=submission.intent_at - age)


@asynccontextmanager
async def opened_scene(name: str, sandbox: RunningSandbox, model: Model) -> AsyncIterator[Scene]:
    part = PARTS[name]
    sandbox.behave()
    await sandbox.context.services[name].reset()  # a vendor may have room for only so many unfinished jobs
    sandbox.pace(queue_seconds=0, work_seconds=0.1)
    async with PROVIDERS[name].opened(part.settings(sandbox), timeouts=TIMEOUTS) as provider:
        yield Scene(provider, sandbox, model, part)
