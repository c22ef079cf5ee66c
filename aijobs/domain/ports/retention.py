"""The database, as retention needs it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Portion:
    """A few things whose time has come, to be erased together: first `keys` in the store and `histories` in Temporal.

    `commit` then erases the rows, in one short transaction. All of it may be repeated. `what` says what it is, for the
    log, and `count` how many; `cancel` are jobs that have to end first, and
    `wake` batches that were canceled.
    """

    what: str
    count: int
    commit: Callable[[], Awaitable[None]]
    keys: tuple[str, ...] = ()
    histories: tuple[str, ...] = field(default=(), repr=False)
    cancel: tuple[str, ...] = ()
    wake: tuple[str, ...] = ()


class Retention(Protocol):
    """Finds what is due."""

    def due(self, *, histories_kept: timedelta) -> AsyncIterator[Portion]:
        """What is due now, portion by portion: each one's rows have to be gone before the next is asked for.

        Workflows that closed longer ago than `histories_kept` are not among the histories: Temporal has none of them.
        """
        ...


class Histories(Protocol):
    """What Temporal keeps of workflows that have closed."""

    async def forget(self, workflow_id: str) -> None:
        """Have the history of a workflow deleted, and its entry in lists: Temporal does so a little later.

        One that runs is terminated. Nothing happens when there is none.
        """
        ...

    async def histories_kept(self) -> timedelta:
        """How long they are kept."""
        ...

    async def wake_batch(self, code: str) -> None:
        """Make a batch look at once at what it has to do."""
        ...
