"""Pausing, resuming and canceling a batch, and running again what failed of it."""

from dataclasses import dataclass
from functools import partial

import structlog
from sqlmodel import Session

from aijobs.domain.errors import TemporalUnavailable
from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.domain.values.actors import Actor
from aijobs.domain.values.audit import Act, ActKind, current_origin, is_somebody_else
from aijobs.persistence.audit_log import record
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
            log.warning("batch_left_to_repair", batch=code, reason=str(error))


def _locked(session: Session, code: str, actor: Actor) -> BatchRow:
    return batch_of(session, code, user_id=actor.user_id, locked=True)


def _pause(session: Session, code: str, actor: Actor) -> None:
    batch = _locked(session, code, actor)
    before = batch.batch_status
    steering.pause(batch)
    _record(session, batch, ActKind.BATCH_PAUSED, before)


def _resume(session: Session, code: str, actor: Actor) -> None:
    batch = _locked(session, code, actor)
    before = batch.batch_status
    steering.resume(batch)
    _record(session, batch, ActKind.BATCH_RESUMED, before)


def _cancel(session: Session, code: str, actor: Actor) -> None:
    batch = _locked(session, code, actor)
    before = batch.batch_status
    steering.cancel(session, batch)
    _record(session, batch, ActKind.BATCH_CANCELED, before)


def _rerun(session: Session, *, code: str, actor: Actor, daily_limit: int) -> int:
    batch = _locked(session, code, actor)
    before = batch.batch_status
    count = steering.rerun_failed(session, batch, daily_limit=daily_limit)
    _record(session, batch, ActKind.BATCH_RERUN, before, rows=count)
    return count


def _record(session: Session, batch: BatchRow, kind: ActKind, before: str, *, rows: int | None = None) -> None:
    """What somebody else than its owner did, and not a second call, which has changed nothing.

    `rows`: how many run again, of a batch that may be running.
    """
    if not is_somebody_elses(batch) or (batch.batch_status == before and rows is None):
        return
    after = {"batch_status": batch.batch_status} | ({} if rows is None else {"rows": rows})
    act = Act(kind=kind, target=batch.code, user_id=batch.user_id, before={"batch_status": before}, after=after)
    record(session, act)


def is_somebody_elses(batch: BatchRow) -> bool:
    """Whether whoever acts now is not its owner: its user, or where it names none, the key that it was sent with."""
    if batch.user_id is None:
        return current_origin().key_id != batch.create_by
    return is_somebody_else(batch.user_id)
