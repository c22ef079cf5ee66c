"""What a search of jobs finds, as one file: JSON Lines or CSV, streamed, with flat memory."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from aijobs.domain.values.audit import Act, ActKind, is_somebody_else
from aijobs.domain.values.safe_csv import BYTE_ORDER_MARK, safe_csv
from aijobs.persistence.audit_log import record
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.search import JobFilter, jobs_page
from aijobs.persistence.tables import JobRow

AT_ONCE: Final = 200  #: jobs that are read together

#: Of a CSV. `outputs` are links, which expire; `metadata` is JSON.
COLUMNS: Final = (
    "code", "user_id", "model_id", "job_status_name", "error_code", "error_message", "points", "charged",
    "create_date", "req_time", "resp_time", "cost_time", "out_id", "metadata", "outputs",
)  # fmt: skip


@dataclass(frozen=True)
class ExportJobs:
    """`documents` renders jobs as the API shows them."""

    database: Database
    documents: Callable[[Sequence[JobRow]], Awaitable[Sequence[Mapping[str, Any]]]]

    async def __call__(self, criteria: JobFilter, *, as_csv: bool) -> AsyncIterator[str]:
        """The file's text, piece by piece. Records what somebody else than its owner exports.

        The first jobs are read before it returns: what is wrong is said then, not in the middle of a file.
        """
        first = await self._read(criteria)
        if criteria.user_id is None or is_somebody_else(criteria.user_id):
            form = {"format": "csv" if as_csv else "jsonl"}
            act = Act(kind=ActKind.DATA_EXPORTED, target="jobs", user_id=criteria.user_id, after=form)
            await self.database.write(record, act)
        return self._pieces(criteria, first, as_csv=as_csv)

    async def _read(self, criteria: JobFilter) -> tuple[Sequence[JobRow], str | None]:
        return await self.database.snapshot(jobs_page, criteria, limit=AT_ONCE)

    async def _pieces(
        self, criteria: JobFilter, page: tuple[Sequence[JobRow], str | None], *, as_csv: bool
    ) -> AsyncIterator[str]:
        if as_csv:
            yield BYTE_ORDER_MARK + safe_csv([COLUMNS])
        while True:
            rows, cursor = page
            jobs = await self.documents(rows) if rows else []
            if as_csv:
                yield safe_csv(map(_cells, jobs))
            else:
                yield "".join(json.dumps(job, ensure_ascii=False) + "\n" for job in jobs)
            if cursor is None:
                return
            page = await self._read(replace(criteria, cursor=cursor))


def _cells(job: Mapping[str, Any]) -> list[object]:
    error = job["error"] or {}
    derived = {
        "error_code": error.get("code"),
        "error_message": error.get("message"),
        "metadata": json.dumps(job["metadata"], ensure_ascii=False) if job["metadata"] else None,
        "outputs": " ".join(output["url"] for output in job["outputs"]),
    }
    return [derived[name] if name in derived else job[name] for name in COLUMNS]
