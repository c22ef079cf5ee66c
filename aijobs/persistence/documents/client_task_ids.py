"""Task ids that front ends give to jobs, besides the jobs' codes. Each user has its own task ids."""

import re
from typing import Final

from sqlmodel import Session, col, select

from aijobs.domain.errors import FieldError, InvalidParameters
from aijobs.persistence.tables import JobRow, TaskIdRow

TASK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
CODE_PREFIX: Final = "job_"


def bind_task_id(session: Session, task_id: str, job_code: str, user_id: str) -> None:
    """Give a task id to a job, in the transaction that accepts it. Doing it again changes nothing.

    Raises InvalidParameters when the task id is invalid, or names another job of the user.
    """
    if not TASK_ID.fullmatch(task_id) or task_id.startswith(CODE_PREFIX):
        error = FieldError("/taskId", f"Must be 1 to 64 letters, digits, - and _, and not begin with {CODE_PREFIX}.")
        raise InvalidParameters("This cannot name a task.", error)
    known = session.get(TaskIdRow, (task_id, user_id))
    if known is None:
        session.add(TaskIdRow(task_id=task_id, user_id=user_id, job_code=job_code))
    elif known.job_code != job_code:
        raise InvalidParameters("This task is another one's.", FieldError("/taskId", "Names another job already."))


def job_of_task(session: Session, task_id: str, *, user_id: str | None) -> JobRow | None:
    """The newest job with this code or task id; only the user's where one is named. None when there is none."""
    query = select(JobRow).where(col(JobRow.deleted).is_(False))
    if task_id.startswith(CODE_PREFIX):
        query = query.where(col(JobRow.code) == task_id)
    else:
        query = query.join(TaskIdRow, col(TaskIdRow.job_code) == col(JobRow.code))
        query = query.where(col(TaskIdRow.task_id) == task_id)
    if user_id is not None:
        query = query.where(col(JobRow.user_id) == user_id)
    return session.exec(query.order_by(col(JobRow.id).desc()).limit(1)).one_or_none()
