"""One provider with its simulated vendor, for the contract suite."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.submissions import Found, Search, Submission
from sandbox.server import RunningSandbox
from tests.providers.open_provider import LONGEST, POLL, OpenProvider, added_model, opened_provider
from tests.providers.parts import PARTS, Part


@dataclass(frozen=True)
class Scene(OpenProvider):
    """`sandbox.misbehave(...)` first, then act by `provider`."""

    sandbox: RunningSandbox
    part: Part

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


@asynccontextmanager
async def opened_scene(name: str, sandbox: RunningSandbox, model: Model | None) -> AsyncIterator[Scene]:
    """Without a model, the part's is added by its source."""
    part = PARTS[name]
    sandbox.behave()
    await sandbox.context.services[name].reset()  # a vendor may have room for only so many unfinished jobs
    sandbox.pace(queue_seconds=0, work_seconds=0.1)
    async with opened_provider(name, part.settings(sandbox)) as (provider, desk):
        model = model or await added_model(name, provider, part.source)
        yield Scene(provider, model, part.params, desk=desk, sandbox=sandbox, part=part)
