"""What the steps of a job need from the database: `aijobs.domain.ports.Records` over our tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import DeadlinePassed, JobIsFinal, NotFound, UnknownJob
from aijobs.domain.jobs.job import JobBrief, JobError, JobState
from aijobs.domain.jobs.outputs import StoredOutput
from aijobs.domain.jobs.submissions import ProviderRequest, Rejected, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind, closing_entry
from aijobs.domain.provider_io import JobInput, UploadedFile
from aijobs.domain.values.clean_text import clean
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.documents.conversations import clear
from aijobs.persistence.jobs import gate, submissions
from aijobs.persistence.jobs.resolutions import record_late_outcome
from aijobs.persistence.jobs.statistics import held_jobs
from aijobs.persistence.jobs.write_intents import abandoned_writes, begin_write, finish_write, writes_of
from aijobs.persistence.tables import ExtractedRow, FileRow, IdempotencyRow, JobRow, OutputRow, SubmissionRow


class DatabaseRecords:
    """Implements Records."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    async def assignment(self, code: str) -> JobInput:
        async with self._database.read() as session:
            job = await job_of(session, code)
            return JobInput(
                code=code,
                user_id=job.user_id,
                model_id=job.model_id,
                params=job.params,
                output_count=job.output_count,
                action=job.action,
                origin=job.origin,
            )

    async def state(self, code: str) -> JobState:
        async with self._database.read() as session:
            row = (await session.exec(select(JobRow).where(col(JobRow.code) == code))).one_or_none()
            if row is None:
                raise UnknownJob(f"There is no job {code} in this database.")
            return state_of(row)

    async def uploaded_file(self, code: str, *, user_id: str) -> UploadedFile:
        async with self._database.read() as session:
            row = await file_of(session, code, user_id=user_id)
            return UploadedFile(code=code, key=row.key, name=row.name, media_type=row.media_type, size=row.size)

    async def last_submission(self, code: str) -> Submission | None:
        async with self._database.read() as session:
            row = await submissions.last_submission(session, code)
            return submissions.as_submission(row) if row else None

    async def intend(self, code: str, *, provider: str, token: str, request: ProviderRequest) -> Submission:
        async with self._database.write() as session:
            job = await gate.locked_job(session, code)
            if now() > job.create_time + self._catalogue.model(job.model_id).deadlines.business:
                raise DeadlinePassed(f"{code} is not sent any more: its business deadline has passed.")
            row = await submissions.intend(session, job, provider=provider, token=token, request=request)
            return submissions.as_submission(row)

    async def conclude(self, submission: Submission, outcome: SubmitOutcome) -> JobState:
        async with self._database.write() as session:
            job = await gate.locked_job(session, submission.job_code)
            row = await session.get_one(SubmissionRow, submission.id)
            submissions.conclude(session, job, row, outcome)
            if not isinstance(outcome, Rejected) and not job.job_status.is_final:
                detail = {"submission": row.number, "outcome": row.outcome}
                await gate.advance(session, job, JobStatus.SUBMITTED, detail=detail)
            return state_of(job)

    async def known_ids(self, provider: str, *, since: datetime) -> frozenset[str]:
        async with self._database.read() as session:
            return await submissions.known_ids(session, provider, since)

    async def advance(
        self,
        code: str,
        to: JobStatus,
        *,
        error: JobError | None = None,
        detail: Mapping[str, Any] | None = None,
        answer: Mapping[str, Any] | None = None,
        provider_may_charge: bool = False,
    ) -> JobState:
        async with self._database.write() as session:
            job = await gate.locked_job(session, code)
            if job.job_status.is_final:
                return state_of(job)
            if answer is not None:
                job.resp_json = clean(dict(answer))
            await gate.advance(
                session,
                job,
                to,
                error=error,
                detail=clean(dict(detail or {})),
                closing=self._closing(job, to, provider_may_charge=provider_may_charge),
            )
            return state_of(job)

    def _closing(self, job: JobRow, to: JobStatus, *, provider_may_charge: bool) -> EntryKind | None:
        if not to.is_final:
            return None
        policy = self._catalogue.model(job.model_id).points
        return closing_entry(to, policy, provider_may_charge=provider_may_charge)

    async def keep_answer(self, code: str, answer: Mapping[str, Any]) -> None:
        async with self._database.write() as session:
            job = await gate.locked_job(session, code)
            if not job.job_status.is_final:
                job.resp_json = clean(dict(answer))

    async def progress(
        self, code: str, status: JobStatus, unit: float, *, stage: tuple[int, int] | None = None
    ) -> None:
        async with self._database.write() as session:
            await gate.progress(session, await gate.locked_job(session, code), status, unit, stage=stage)

    async def outputs(self, code: str) -> list[StoredOutput]:
        async with self._database.read() as session:
            return [stored_output(row) for row in await outputs_of(session, code)]

    async def add_outputs(self, code: str, *outputs: StoredOutput) -> None:
        async with self._database.write() as session:
            job = await gate.locked_job(session, code)
            known = {row.index for row in await outputs_of(session, code)}
            fresh = [output for output in outputs if output.index not in known]
            if fresh and job.job_status.is_final:
                raise JobIsFinal(f"{code} has ended: {job.job_status.name}.")
            session.add_all(OutputRow(job_code=code, **output.model_dump()) for output in fresh)
            await finish_write(session, *(output.key for output in outputs))

    async def drop_outputs(self, code: str) -> list[str]:
        async with self._database.write() as session:
            dropped = [row.key for row in await outputs_of(session, code)]
            await session.exec(update(OutputRow).where(col(OutputRow.job_code) == code).values(deleted=True))
            await session.exec(delete(ExtractedRow).where(col(ExtractedRow.source) == code))
            return dropped + await writes_of(session, code)

    async def clear_conversation(self, code: str) -> None:
        async with self._database.write() as session:
            await clear(session, code)

    async def begin_write(self, key: str, *, job_code: str) -> None:
        async with self._database.write() as session:
            job = await gate.locked_job(session, job_code)
            if job.job_status.is_final:
                raise JobIsFinal(f"{job_code} has ended: {job.job_status.name}.")
            await begin_write(session, key, job_code=job_code)

    async def abandoned_writes(self, *, older_than: timedelta) -> list[str]:
        async with self._database.write() as session:
            return await abandoned_writes(session, older_than=older_than)

    async def forget_write(self, key: str) -> None:
        async with self._database.write() as session:
            await finish_write(session, key)

    async def record_late_outcome(self, code: str, status: JobStatus, answer: Mapping[str, Any]) -> None:
        async with self._database.write() as session:
            await record_late_outcome(session, await gate.locked_job(session, code), status, clean(dict(answer)))

    async def note(self, code: str, detail: Mapping[str, Any]) -> None:
        async with self._database.write() as session:
            gate.note(session, await gate.locked_job(session, code), clean(dict(detail)))

    async def unfinished(self, *, quiet_for: timedelta, after: str, at_most: int) -> list[JobBrief]:
        async with self._database.read() as session:
            rows = await session.exec(
                select(JobRow)
                .where(
                    col(JobRow.job_status) < JobStatus.SUCCESS,
                    col(JobRow.update_time) < now() - quiet_for,
                    col(JobRow.code) > after,
                )
                .order_by(col(JobRow.code))
                .limit(at_most)
            )
            return [self.brief(row) for row in rows if row.model_id in self._catalogue]

    async def held(self, *, quiet_for: timedelta, at_most: int) -> list[JobBrief]:
        async with self._database.read() as session:
            longest = max(model.deadlines.late for model in self._catalogue)
            rows = await held_jobs(session, user_id=None, at_most=at_most, ended_since=now() - longest)
            quiet = [row for row in rows if row.update_time < now() - quiet_for and row.model_id in self._catalogue]
            return [self.brief(row) for row in quiet]

    async def final_among(self, codes: Sequence[str], *, quiet_for: timedelta) -> list[str]:
        async with self._database.read() as session:
            found = await session.exec(
                select(JobRow.code).where(
                    col(JobRow.code).in_(codes),
                    col(JobRow.job_status) >= JobStatus.SUCCESS,
                    col(JobRow.update_time) < now() - quiet_for,
                )
            )
            return list(found)

    async def forget_unanswered(self, *, older_than: timedelta) -> int:
        async with self._database.write() as session:
            stale = col(IdempotencyRow.create_time) < now() - older_than
            gone = await session.exec(delete(IdempotencyRow).where(col(IdempotencyRow.answer).is_(None), stale))
            return gone.rowcount

    def brief(self, job: JobRow) -> JobBrief:
        """What the workflow of an accepted job is told. Raises UnknownModel when it is no longer in the catalogue."""
        model = self._catalogue.model(job.model_id)
        return JobBrief(
            code=job.code,
            user_id=job.user_id,
            model_id=model.model_id,
            model_name=model.model_name,
            provider=model.provider,
            asyn=model.asyn,
            accepted_at=job.create_time,
            deadlines=model.deadlines,
            poll=model.poll,
            job_status=job.job_status,
            unit_progress=job.unit_progress,
        )


async def job_of(session: AsyncSession, code: str, *, user_id: str | None = None) -> JobRow:
    """A job that is not deleted, and the user's where one is named. Raises NotFound."""
    wanted = select(JobRow).where(col(JobRow.code) == code, col(JobRow.deleted).is_(False))
    if user_id is not None:
        wanted = wanted.where(col(JobRow.user_id) == user_id)
    row = (await session.exec(wanted)).one_or_none()
    if row is None:
        raise NotFound(f"There is no job {code}.")
    return row


async def file_of(session: AsyncSession, code: str, *, user_id: str | None) -> FileRow:
    """An upload that is not deleted, and the user's where one is named. Raises NotFound."""
    wanted = select(FileRow).where(col(FileRow.code) == code, col(FileRow.deleted).is_(False))
    if user_id is not None:
        wanted = wanted.where(col(FileRow.user_id) == user_id)
    row = (await session.exec(wanted)).one_or_none()
    if row is None:
        raise NotFound(f"There is no file {code}.")
    return row


async def outputs_of(session: AsyncSession, *codes: str) -> list[OutputRow]:
    """The outputs of one or several jobs, in order."""
    found = await session.exec(
        select(OutputRow)
        .where(col(OutputRow.job_code).in_(codes), col(OutputRow.deleted).is_(False))
        .order_by(col(OutputRow.job_code), col(OutputRow.index))
    )
    return list(found)


def stored_output(row: OutputRow) -> StoredOutput:
    return StoredOutput.model_validate(row, from_attributes=True)


def state_of(job: JobRow) -> JobState:
    error = JobError.model_validate(job.error) if job.error else None
    return JobState.of(job.code, job.job_status, unit=job.unit_progress, error=error)
