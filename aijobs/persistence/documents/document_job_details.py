"""What a list of document jobs shows besides the jobs: their files, and the stage that each is in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from aijobs.domain.jobs.events import EventKind
from aijobs.persistence.tables import ConversationRow, FileRow, JobEventRow, JobRow


@dataclass(frozen=True, kw_only=True)
class StageReached:
    """A generation is in its stage `stage` of `stages`, or ended there."""

    stage: int
    stages: int


def files_of(session: Session, rows: Sequence[JobRow]) -> Mapping[str, FileRow]:
    """The uploaded document of each job, by the job's code."""
    named = {row.code: str(row.params.get("file", "")) for row in rows}
    found = session.exec(
        select(FileRow).where(col(FileRow.code).in_(set(named.values())), col(FileRow.deleted).is_(False))
    )
    by_code = {file.code: file for file in found}
    return {job: by_code[file] for job, file in named.items() if file in by_code}


def stages_of(session: Session, codes: Sequence[str]) -> Mapping[str, StageReached]:
    """The current stage by job; jobs that have begun no stage are left out."""
    last = (
        select(func.max(JobEventRow.id))
        .where(col(JobEventRow.job_code).in_(codes), col(JobEventRow.kind) == EventKind.PROGRESS)
        .group_by(col(JobEventRow.job_code))
    )
    found = session.exec(select(JobEventRow).where(col(JobEventRow.id).in_(last)))
    return {
        event.job_code: StageReached(stage=event.detail["stage"], stages=event.detail["stages"])
        for event in found
        if {"stage", "stages"} <= event.detail.keys()
    }


def pages_of(session: Session, job_code: str) -> int | None:
    """How many pages a job's document has; None where that is not known."""
    conversation = session.get(ConversationRow, job_code)
    return conversation.pages if conversation else None


def version_used(session: Session, job_code: str) -> int | None:
    """The version of the template that a job began with; None while it has not begun."""
    conversation = session.get(ConversationRow, job_code)
    return conversation.template_version if conversation else None
