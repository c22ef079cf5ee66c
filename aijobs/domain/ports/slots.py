"""Slots that become free are granted to the jobs that are next."""

from collections.abc import AsyncIterator
from typing import Protocol


class SlotGrants(Protocol):
    """The lines of all credentials."""

    def granted(self) -> AsyncIterator[list[str]]:
        """Grant what is free, again and again, without an end. Yields the codes of jobs that were granted a slot.

        A job that does not use its grant is named again some seconds later, and loses the grant after a minute.
        """
        ...
