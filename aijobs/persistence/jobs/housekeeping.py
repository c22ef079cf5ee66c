"""What repair looks for: jobs that have stopped, and leftovers of dead processes."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import or_
from sqlmodel import Session, col, delete, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobBrief
from aijobs.domain.lifecycle import ENDS, UNFINISHED
from aijobs.persistence.access.installation import note_repaired
from aijobs.persistence.added_models import know_models
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import reports, write_intents
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.jobs.statistics import held_jobs
from aijobs.persistence.tables import IdempotencyRow, JobRow


class DatabaseHousekeeping:
    """Implements Housekeeping."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    async def unfinished(self, *, quiet_for: timedelta, after: str, at_most: int) -> list[JobBrief]:
        def work(session: Session) -> list[JobBrief]:
            begins_after, briefs = after, list[JobBrief]()
            quiet = (
                select(JobRow)
                .where(
                    col(JobRow.job_status).in_(UNFINISHED),
                    col(JobRow.update_time) < now() - quiet_for,
                    or_(col(JobRow.start_at).is_(None), col(JobRow.start_at) < now() - quiet_for),
                )
                .order_by(col(JobRow.code))
                .limit(at_most)
            )
            while not briefs and (rows := session.exec(quiet.where(col(JobRow.code) > begins_after)).all()):
                know_models(session, self._catalogue, {row.model_id for row in rows})
                briefs = [brief_of(row, self._catalogue) for row in rows if row.model_id in self._catalogue]
                begins_after = rows[-1].code
            return briefs

        return await self._database.read(work)

    async def held(self, *, quiet_for: timedelta, at_most: int) -> list[JobBrief]:
        def work(session: Session) -> list[JobBrief]:
            longest = max(model.deadlines.late for model in self._catalogue)
            rows = held_jobs(session, user_id=None, at_most=at_most, ended_since=now() - longest)
            know_models(session, self._catalogue, {row.model_id for row in rows})
            quiet = [row for row in rows if row.update_time < now() - quiet_for and row.model_id in self._catalogue]
            return [brief_of(row, self._catalogue) for row in quiet]

        return await self._database.read(work)

    async def final_among(self, codes: Sequence[str], *, quiet_for: timedelta) -> list[str]:
        def work(session: Session) -> list[str]:
            found = session.exec(
                select(JobRow.code).where(
                    col(JobRow.code).in_(codes),
                    col(JobRow.job_status).in_(ENDS),
                    col(JobRow.update_time) < now() - quiet_for,
                )
            )
            return list(found)

        return await self._database.read(work)

    async def abandoned_writes(self, *, older_than: timedelta) -> list[str]:
        return await self._database.write(write_intents.abandoned_writes, older_than=older_than)

    async def forget_write(self, key: str) -> None:
        await self._database.write(write_intents.finish_write, key)

    async def forget_unanswered(self, *, older_than: timedelta) -> int:
        def work(session: Session) -> int:
            stale = col(IdempotencyRow.create_time) < now() - older_than
            gone = session.exec(delete(IdempotencyRow).where(col(IdempotencyRow.answer).is_(None), stale))
            return gone.rowcount

        return await self._database.write(work)

    async def note_repaired(self) -> None:
        await self._database.write(note_repaired)

    async def forget_reports(self, *, older_than: timedelta) -> int:
        return await self._database.write(reports.forget_reports, older_than=older_than)
