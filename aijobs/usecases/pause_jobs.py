"""Pausing a provider, a model, a user or a credential, and resuming it."""

from dataclasses import dataclass
from typing import Final

import structlog

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.domain.jobs.waiting import PausedThing
from aijobs.domain.values.actors import Actor
from aijobs.domain.values.user_ids import user_id_error
from aijobs.persistence.database import Database
from aijobs.persistence.pauses import begin_pause, end_pause
from aijobs.persistence.tables import PauseRow
from aijobs.usecases.models import AvailableModels

MOST_NAMED: Final = 30  #: names that a refusal lists

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class PauseJobs:
    """Who pauses and resumes what, and why, is kept in the database and said in the log."""

    database: Database
    models: AvailableModels

    async def begin(self, kind: PausedThing, name: str, actor: Actor, *, reason: str) -> PauseRow:
        """Nothing new is sent for it until it is resumed. Raises AlreadyPaused, and InvalidParameters for what is not
        there.
        """
        await self._check(kind, name)
        row = await self.database.write(begin_pause, kind, name, reason=reason, by=actor.key_id)
        log.info("paused", **_told(row), by=row.create_by)
        return row

    async def end(self, code: str, actor: Actor) -> PauseRow:
        """What it held back is tried again, some jobs at a time. A second call changes nothing. Raises NotFound."""
        row = await self.database.write(end_pause, code, by=actor.key_id)
        log.info("resumed", **_told(row), by=row.ended_by)
        return row

    async def _check(self, kind: PausedThing, name: str) -> None:
        match kind:
            case PausedThing.USER:
                if error := user_id_error(name):
                    raise InvalidParameters("This cannot be a user.", FieldError("/user", error))
                return
            case PausedThing.MODEL:
                await self.models.look_for(name)
                known = {model.model_id for model in self.models}
            case PausedThing.PROVIDER:
                known = {model.provider for model in self.models}
            case PausedThing.CREDENTIAL:
                known = self.models.credentials
        if name not in known:
            named = ", ".join(sorted(known)[:MOST_NAMED]) or "none"
            raise InvalidParameters(f"There is no such {kind}.", FieldError(f"/{kind}", f"Known here: {named}."))


def _told(row: PauseRow) -> dict[str, str]:
    """For the log, which names no user, and has no words of people."""
    named = {} if row.kind == PausedThing.USER else {"name": row.name}
    return {"pause": row.code, "kind": row.kind, **named}
