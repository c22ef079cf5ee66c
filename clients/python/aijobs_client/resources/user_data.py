"""Deleting a job; and a user's everything: saved (`users:read`) or erased (`users:write`)."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from aijobs_client.call import Call
from aijobs_client.models import Erasure
from aijobs_client.operations import delete_job, get, read_as

T = TypeVar("T")

ERASURES: Final = "/api/erasures"


class UserData(ABC):
    """Methods of Client."""

    @abstractmethod
    def _send(self, call: Call[T]) -> T: ...

    @abstractmethod
    def _save(self, call: Call[None], to: Path | str) -> Path: ...

    def delete_job(self, code: str) -> None:
        """Delete a job that has ended: it is gone at once. Raises ApiError, `still_in_use` while it has not ended."""
        self._send(delete_job(code))

    def export_user(self, user_id: str, to: Path | str) -> Path:
        """Save all that is kept of a user as a ZIP file. Raises OSError."""
        return self._save(_export(user_id), to)

    def erase_user(self, user_id: str) -> Erasure:
        """Have a user erased. A second call returns the erasure that is under way. Raises ApiError `on_legal_hold`."""
        return self._send(_erase(user_id))

    def erasure(self, code: str) -> Erasure:
        """How an erasure stands."""
        return self._send(get(f"{ERASURES}/{quote(code, safe='')}", Erasure))


class AsyncUserData(ABC):
    """Methods of AsyncClient, as those of UserData."""

    @abstractmethod
    async def _send(self, call: Call[T]) -> T: ...

    @abstractmethod
    async def _save(self, call: Call[None], to: Path | str) -> Path: ...

    async def delete_job(self, code: str) -> None:
        """Delete a job that has ended: it is gone at once. Raises ApiError, `still_in_use` while it has not ended."""
        await self._send(delete_job(code))

    async def export_user(self, user_id: str, to: Path | str) -> Path:
        """Save all that is kept of a user as a ZIP file. Raises OSError."""
        return await self._save(_export(user_id), to)

    async def erase_user(self, user_id: str) -> Erasure:
        """Have a user erased. A second call returns the erasure that is under way. Raises ApiError `on_legal_hold`."""
        return await self._send(_erase(user_id))

    async def erasure(self, code: str) -> Erasure:
        """How an erasure stands."""
        return await self._send(get(f"{ERASURES}/{quote(code, safe='')}", Erasure))


def _path(user_id: str) -> str:
    return f"/api/users/{quote(user_id, safe='')}"


def _export(user_id: str) -> Call[None]:
    return Call(method="GET", path=f"{_path(user_id)}/export", read=lambda _: None, is_safe=True)


def _erase(user_id: str) -> Call[Erasure]:
    return Call(method="DELETE", path=_path(user_id), read=read_as(Erasure), is_safe=True)
