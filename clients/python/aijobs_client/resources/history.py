"""The events of a job so far, without waiting for its end."""

from abc import ABC, abstractmethod
from typing import TypeVar

from aijobs_client.call import Call
from aijobs_client.models import JobEvent, Page
from aijobs_client.operations import job_path, read_as

T = TypeVar("T")


class History(ABC):
    """A method of Client."""

    @abstractmethod
    def _send(self, call: Call[T]) -> T: ...

    def history(self, code: str, *, after: int = 0) -> list[JobEvent]:
        """The events of a job so far with `seq` above `after`, in order."""
        found: list[JobEvent] = []
        while True:
            page = self._send(_events(code, found[-1].seq if found else after))
            found.extend(page.data)
            if not page.has_more:
                return found


class AsyncHistory(ABC):
    """A method of AsyncClient, as that of History."""

    @abstractmethod
    async def _send(self, call: Call[T]) -> T: ...

    async def history(self, code: str, *, after: int = 0) -> list[JobEvent]:
        """The events of a job so far with `seq` above `after`, in order."""
        found: list[JobEvent] = []
        while True:
            page = await self._send(_events(code, found[-1].seq if found else after))
            found.extend(page.data)
            if not page.has_more:
                return found


def _events(code: str, after: int) -> Call[Page[JobEvent]]:
    """The stream is for whoever does not ask for JSON."""
    return Call(
        method="GET",
        path=job_path(code, "/events"),
        read=read_as(Page[JobEvent]),
        is_safe=True,
        query={"after": str(after)},
        headers={"Accept": "application/json"},
    )
