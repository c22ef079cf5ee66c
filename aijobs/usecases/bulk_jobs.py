"""Canceling and running again what a search finds: so many at once, counted and priced before anything is done."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from aijobs.domain.errors import AijobsError, BadInput, FieldError, InvalidParameters
from aijobs.domain.jobs.job import RerunFrom
from aijobs.domain.lifecycle import BAD_ENDS, ENDS, UNFINISHED, JobStatus
from aijobs.domain.values.actors import Actor
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.search import JobFilter, jobs_by_code, jobs_page
from aijobs.persistence.tables import JobRow
from aijobs.usecases.cancel_job import CancelJob
from aijobs.usecases.models import AvailableModels
from aijobs.usecases.rerun_job import RerunJob

MAX_AT_ONCE: Final = 200
"""Jobs of one decision: each is canceled or submitted by itself."""

TOGETHER: Final = 8
MAX_PAGES: Final = 10  #: of a search that looks into a part of the jobs at a time


class BulkAction(StrEnum):
    """What is done with each job."""

    CANCEL = "cancel"
    RERUN = "rerun"


@dataclass(frozen=True)
class Selection:
    """What would be done now: with these jobs, for so many points; `unpriced` are left out, as no model takes them.

    `is_all` is false where there may be others that match.
    """

    codes: Sequence[str]
    points: int
    unpriced: int
    is_all: bool


@dataclass(frozen=True)
class BulkResult:
    """With how many it was done, and why not with the others: their codes and the errors."""

    done: Sequence[str]
    refused: Sequence[tuple[str, AijobsError]]


@dataclass(frozen=True, kw_only=True)
class BulkJobs:
    """`select` shows what a person then confirms; `run` does that, and never what costs more."""

    database: Database
    models: AvailableModels
    cancel_job: CancelJob
    rerun_job: RerunJob

    async def select(self, criteria: JobFilter, action: BulkAction) -> Selection:
        """The first MAX_AT_ONCE jobs of a search that the action can be meant for.

        Unfinished ones are canceled. Of finished ones those that ended badly run again, and others only where the
        filter names their status.
        """
        criteria = replace(criteria, statuses=_meant(criteria.statuses, action), cursor=None)
        rows: list[JobRow] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES if criteria.statuses else 0):
            asked = MAX_AT_ONCE - len(rows)
            found, cursor = await self.database.snapshot(jobs_page, replace(criteria, cursor=cursor), limit=asked)
            rows += found
            if cursor is None or len(rows) == MAX_AT_ONCE:
                break
        if action is BulkAction.CANCEL:
            return Selection([row.code for row in rows], 0, 0, is_all=cursor is None)
        prices = await self._prices(rows)
        codes = [row.code for row, price in zip(rows, prices, strict=True) if price is not None]
        return Selection(codes, sum(filter(None, prices)), len(rows) - len(codes), is_all=cursor is None)

    async def cancel(self, codes: Sequence[str], actor: Actor, *, reason: str | None) -> BulkResult:
        """Request the cancellation of each; one that cannot be canceled stops no other."""

        async def one(code: str) -> None:
            await self.cancel_job(code, actor, reason=reason)

        return await _each(codes, one)

    async def rerun(self, codes: Sequence[str], actor: Actor, *, points: int, key: str) -> BulkResult:
        """Run each again from the start, charged; a second call with the same key makes nothing new.

        Raises InvalidParameters when together they cost more than `points`, and then nothing is done.
        """
        rows = await self.database.read(jobs_by_code, codes, user_id=actor.user_id)
        due = sum(filter(None, await self._prices(rows)))
        if due > points:
            message = f"They now cost {due} points instead of {points}. Nothing was run: look again, and confirm that."
            raise InvalidParameters("The price has changed.", FieldError("/points", message))

        async def one(code: str) -> None:
            await self.rerun_job(code, RerunFrom.START, actor, idempotency_key=f"{key}:{code}")

        return await _each(codes, one)

    async def _prices(self, rows: Sequence[JobRow]) -> list[int | None]:
        """Of running each again; None where its model takes no more jobs."""
        for model_id in {row.model_id for row in rows}:
            await self.models.look_for(model_id)
        return [self._price(row) for row in rows]

    def _price(self, row: JobRow) -> int | None:
        try:
            return self.models.model_on(row.model_id, now().date()).price(row.output_count)
        except BadInput:
            return None


def _meant(named: frozenset[JobStatus], action: BulkAction) -> frozenset[JobStatus]:
    if action is BulkAction.CANCEL:
        return named & set(UNFINISHED) if named else frozenset(UNFINISHED)
    return named & set(ENDS) if named else frozenset(BAD_ENDS)


async def _each(codes: Sequence[str], act: Callable[[str], Awaitable[None]]) -> BulkResult:
    limiter, codes = asyncio.Semaphore(TOGETHER), list(dict.fromkeys(codes))

    async def attempt(code: str) -> AijobsError | None:
        async with limiter:
            try:
                await act(code)
            except AijobsError as refused:
                return refused
        return None

    outcomes = list(zip(codes, await asyncio.gather(*map(attempt, codes)), strict=True))
    return BulkResult(
        done=[code for code, error in outcomes if error is None],
        refused=[(code, error) for code, error in outcomes if error is not None],
    )
