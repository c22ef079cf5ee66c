"""Our own generation works."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.provider_io import Capabilities, Task


class Generator(Protocol):
    """A synchronous model: our own generation works, in stages. A finished stage is never done again.

    Every method may be repeated, and then goes on with what the call before it has left.
    Raises ProviderUnavailable (it is called again), or ProviderFailed and other permanent errors.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def parameters(self, model: Model) -> type[Parameters]: ...

    async def begin(self, task: Task) -> int:
        """Prepare everything. Returns how many stages there are, at least 1; they are counted from 1."""
        ...

    async def work(self, task: Task, stage: int, report: Callable[[float], Awaitable[None]]) -> None:
        """Do one stage, calling `report` with 0 to 100 on the way through it."""
        ...

    async def finish(self, task: Task) -> list[OutputSource]:
        """The results, once all stages are done."""
        ...
