"""Everything that the checker reads: the data on disk, and what was observed from outside."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlmodel import Session, SQLModel, col, select

from aijobs.bootstrap import open_database
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.batches.batch import BatchProgress
from aijobs.persistence.batches.queries import progress_of
from aijobs.persistence.batches.reservations import reserved
from aijobs.persistence.points.audit import violations
from aijobs.persistence.tables import (
    BatchItemRow,
    BatchRow,
    FileRow,
    IdempotencyRow,
    JobEventRow,
    JobRow,
    OutputRow,
    PointsDayRow,
    PointsEntryRow,
    SubmissionRow,
)
from aijobs.settings import SHIPPED_CATALOGUE
from chaos.observations import Observations
from chaos.stack.database import RunDatabase
from sandbox.persistence import archive
from sandbox.persistence.ledger import Ledger, LedgerRow
from sandbox.vendors.replicate.prediction import Prediction
from sandbox.vendors.replicate.store import KIND as PREDICTIONS

SANDBOX: Final = Path("sandbox")

Row = TypeVar("Row", bound=SQLModel)


@dataclass(frozen=True, kw_only=True)
class BatchEvidence:
    """A batch, its rows in their order, what it tells of itself, and the points that it still has reserved."""

    row: BatchRow
    items: list[BatchItemRow]
    progress: BatchProgress
    reserved: int


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Rows by their job's code."""

    jobs: dict[str, list[JobRow]]
    events: dict[str, list[JobEventRow]]
    submissions: dict[str, list[SubmissionRow]]
    entries: dict[str, list[PointsEntryRow]]
    outputs: dict[str, list[OutputRow]]
    batches: list[BatchEvidence]
    files: list[FileRow]
    answers: list[IdempotencyRow]
    imbalances: list[str]
    ledger: list[LedgerRow]
    at_work: dict[str, tuple[int, int | None]]  #: from when until when, in ns, the provider worked, by prediction
    made: dict[str, str]  #: SHA-256 of what the provider made, by prediction
    catalogue: Catalogue
    observations: Observations

    def job(self, code: str) -> JobRow | None:
        rows = self.jobs.get(code)
        return rows[0] if rows else None

    @property
    def every_job(self) -> list[JobRow]:
        return [row for rows in self.jobs.values() for row in rows]

    def paid(self, code: str) -> list[LedgerRow]:
        """What the provider accepted of a job."""
        return [
            row for submission in self.submissions.get(code, []) for row in self._by_token.get(submission.token, [])
        ]

    @cached_property
    def job_of_paid(self) -> dict[str, str]:
        """The codes of jobs, by what the provider accepted of them."""
        codes = {row.token: row.job_code for rows in self.submissions.values() for row in rows}
        return {row.id: codes[row.correlation] for row in self.ledger if row.correlation in codes}

    @cached_property
    def _by_token(self) -> dict[str, list[LedgerRow]]:
        grouped: dict[str, list[LedgerRow]] = defaultdict(list)
        for row in self.ledger:
            grouped[row.correlation or ""].append(row)
        return dict(grouped)


async def evidence_in(folder: Path, *, daily_limit: int, database: RunDatabase | None = None) -> Evidence:
    """Read the evidence of a run whose processes have ended. Without `database` it is SQLite in the folder."""
    ledger, at_work, made = _provider(folder / SANDBOX)
    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), (folder / "catalogue.toml").read_text("utf-8"))

    def work(session: Session) -> Evidence:
        return Evidence(
            jobs=_by("code", _all(session, JobRow)),
            events=_by("job_code", _all(session, JobEventRow)),
            submissions=_by("job_code", _all(session, SubmissionRow)),
            entries=_by("job_code", _all(session, PointsEntryRow)),
            outputs=_by("job_code", [row for row in _all(session, OutputRow) if not row.deleted]),
            batches=[_batch(session, row) for row in _all(session, BatchRow)],
            files=_all(session, FileRow),
            answers=list(session.exec(select(IdempotencyRow))),
            imbalances=[*violations(session), *_other_limits(session, daily_limit)],
            ledger=ledger,
            at_work=at_work,
            made=made,
            catalogue=catalogue,
            observations=Observations.of(folder),
        )

    async with open_database((database or RunDatabase(folder)).settings) as opened:
        return await opened.snapshot(work)


def _other_limits(session: Session, daily_limit: int) -> list[str]:
    """Days with another limit than the run's: there must be none."""
    days = session.exec(select(PointsDayRow).where(col(PointsDayRow.daily_limit).is_distinct_from(daily_limit)))
    return [f"{day.user_id} on {day.day} was held to {day.daily_limit}, not to {daily_limit}." for day in days]


def _all(session: Session, table: type[Row]) -> list[Row]:
    identity: Any = table.__dict__["id"]
    return list(session.exec(select(table).order_by(col(identity))))


def _batch(session: Session, row: BatchRow) -> BatchEvidence:
    assert row.id is not None, "what was read has an id"
    items = select(BatchItemRow).where(col(BatchItemRow.batch_id) == row.id).order_by(col(BatchItemRow.number))
    return BatchEvidence(
        row=row,
        items=list(session.exec(items)),
        progress=progress_of(session, row),
        reserved=reserved(session, row.id),
    )


def _by(name: str, rows: Iterable[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[getattr(row, name)].append(row)
    return dict(grouped)


def _provider(folder: Path) -> tuple[list[LedgerRow], dict[str, tuple[int, int | None]], dict[str, str]]:
    with archive.opened(folder) as (documents, blobs):
        rows = Ledger(documents).rows()
        files = {row.id: _output_of(blobs.path(f"{row.id}-output.jpg")) for row in rows}
        stored = [Prediction.model_validate_json(body) for body in documents.all(PREDICTIONS)]
        at_work = {one.id: (one.created_ns, one.completed_ns) for one in stored}
        return rows, at_work, {key: sha256 for key, sha256 in files.items() if sha256}


def _output_of(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
