"""Deleting a job, a document, an upload or a photo review: gone for its owner at once, and erased by retention."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlmodel import Session

from aijobs.domain.values.actors import Actor
from aijobs.persistence.database import Database
from aijobs.persistence.retention import deletions

Deletion = Callable[[Session, str, Actor], None]

JOB: Final[Deletion] = deletions.delete_job
DOCUMENT: Final[Deletion] = deletions.delete_document
FILE: Final[Deletion] = deletions.delete_file
REVIEW: Final[Deletion] = deletions.delete_review

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Delete:
    """Deletes what an actor sees."""

    database: Database

    async def __call__(self, what: Deletion, code: str, actor: Actor) -> None:
        """Raises NotFound, also for what was deleted before, and StillInUse while it lives."""
        await self.database.write(what, code, actor)
        log.info("deleted", code=code, by=actor.key_id)
