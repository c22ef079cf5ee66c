"""What operators decide of data: legal holds, users' own lifetimes, and the erasure of a user."""

from dataclasses import dataclass

import structlog

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.retention import HoldKind, Lifetimes
from aijobs.domain.values.actors import Actor
from aijobs.domain.values.user_ids import user_id_error
from aijobs.persistence.database import Database
from aijobs.persistence.retention.erasures import request_erasure
from aijobs.persistence.retention.holds import begin_hold, end_hold
from aijobs.persistence.retention.rules import set_lifetimes
from aijobs.persistence.tables import ErasureRow, LegalHoldRow

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class DataDecisions:
    """Each is kept in the audit log. The log says their codes, and no user."""

    database: Database

    async def hold(self, kind: HoldKind, name: str, actor: Actor, *, reason: str) -> LegalHoldRow:
        """Nothing of it is erased until the hold is ended.

        Raises AlreadyHeld, NotFound for a job, and InvalidParameters for what cannot be a user.
        """
        if kind is HoldKind.USER and (error := user_id_error(name)):
            raise InvalidParameters("This cannot be a user.", FieldError("/user", error))
        row = await self.database.write(begin_hold, kind, name, reason=reason, by=actor.key_id)
        log.info("hold_begun", hold=row.code, kind=row.kind, by=row.create_by)
        return row

    async def end_hold(self, code: str, actor: Actor) -> None:
        """A second call changes nothing. Raises NotFound."""
        row = await self.database.write(end_hold, code, by=actor.key_id)
        log.info("hold_ended", hold=row.code, kind=row.kind, by=row.ended_by)

    async def keep_for(self, user_id: str, lifetimes: Lifetimes, actor: Actor) -> None:
        """Replaces what was said before of this user. What is not said is as everybody's."""
        await self.database.write(set_lifetimes, user_id, lifetimes, by=actor.key_id)
        log.info("retention_set", by=actor.key_id)

    async def erase(self, user_id: str, actor: Actor) -> ErasureRow:
        """The user's keys are void at once; a worker does the rest. Raises OnLegalHold.

        A second call returns the same erasure, while that is under way.
        """
        row = await self.database.write(request_erasure, user_id, by=actor.key_id)
        log.info("erasure_requested", erasure=row.code, by=row.create_by)
        return row
