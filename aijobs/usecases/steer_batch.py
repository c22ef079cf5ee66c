"""Pausing, resuming and canceling a batch, and running again what failed of it."""

from dataclasses import dataclass
from functools import partial

import structlog
from sqlmodel import Session

from aijobs.domain.errors import TemporalUnavailable
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.domain.values.actors import Actor
from aijobs.persistence.batches import steering
from aijobs.persistence.batches.queries import batch_of
from aijobs.persistence.database import Database
from aijobs.persistence.tables import BatchRow

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class SteerBatch:
    """Each change is committed, and then the batch is woken; where Temporal is away, it sees the change later."""

    database: Database
    engine: JobEngine
    daily_limit: int

    async def pause(self, code: str, actor: Actor) -> None:
        """Start nothing more until `resume`. A second call changes nothing. Raises NotFound, BatchIsFinal."""
        await self.database.write(_pause, code, actor)

    async def resume(self, code: str, actor: Actor) -> None:
        """A second call changes nothing. Raises NotFound, BatchIsFinal."""
        await self.database.write(_resume, code, actor)
        await self._wake(code)

    async def cancel(self, code: str, actor: Actor) -> None:
        """Start nothing more, and cancel what runs. A second call changes nothing. Raises NotFound, BatchIsFinal."""
        await self.database.write(_cancel, code, actor)
        await self._wake(code)

    async def rerun(self, code: str, actor: Actor) -> int:
        """Run the items again that ended badly, as new, charged jobs. Returns how many there are.

        Raises NotFound, CannotRerun, PointsExhausted.
        """
        count = await self.database.write(partial(_rerun, code=code, actor=actor, daily_limit=self.daily_limit))
        await self._wake(code)
        return count

    async def _wake(self, code: str) -> None:
        try:
            await self.engine.wake_batch(code)
        except TemporalUnavailable as error:
            log.warning("batch_left_to_repair", code=code, reason=str(error))


def _locked(session: Session, code: str, actor: Actor) -> BatchRow:
    return batch_of(session, code, user_id=actor.user_id, locked=True)


def _pause(session: Session, code: str, actor: Actor) -> None:
    steering.pause(_locked(session, code, actor))


def _resume(session: Session, code: str, actor: Actor) -> None:
    steering.resume(_locked(session, code, actor))


def _cancel(session: Session, code: str, actor: Actor) -> None:
    steering.cancel(session, _locked(session, code, actor))


def _rerun(session: Session, *, code: str, actor: Actor, daily_limit: int) -> int:
    return steering.rerun_failed(session, _locked(session, code, actor), daily_limit=daily_limit)
