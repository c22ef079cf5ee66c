"""Any order of requests, moves, late words and decisions, on a real database: the gate and the ledger stay true."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule
from sqlmodel import Session, col, update

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import IllegalMove, JobIsFinal, NothingHeld, PointsExhausted
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.lifecycle import TRANSITIONS, JobStatus
from aijobs.domain.points import EntryKind
from aijobs.domain.values.ids import new_id
from aijobs.persistence.column_types import now
from aijobs.persistence.database import opened_database
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.event_log import events_after
from aijobs.persistence.jobs.queries import job_of
from aijobs.persistence.jobs.resolutions import Resolution, resolve
from aijobs.persistence.points.audit import violations
from aijobs.persistence.points.ledger import entries_of, today
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import JobRow
from aijobs.settings import SHIPPED_CATALOGUE

T = TypeVar("T")

LIMIT: Final = 7
USERS: Final = ("ada", "grace")
CATALOGUE: Final = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"))
MODELS: Final = st.sampled_from(["replicate_imageupscale_v1", "ttapi_midjourney_v7"])

#: What closes a reservation, as the shipped catalogue wants it, by status and by whether the provider may charge.
CLOSING: Final = {
    (JobStatus.SUCCESS, False): EntryKind.SETTLE,
    (JobStatus.SUCCESS, True): EntryKind.SETTLE,
    (JobStatus.FAILED, False): EntryKind.REFUND,
    (JobStatus.FAILED, True): EntryKind.REFUND,
    (JobStatus.CANCELED, False): EntryKind.REFUND,
    (JobStatus.CANCELED, True): EntryKind.REFUND,
    (JobStatus.TIMEOUT, False): EntryKind.REFUND,
    (JobStatus.TIMEOUT, True): EntryKind.HOLD,
}


class Expected:
    """What a job must look like, worked out apart from the code that is tested."""

    def __init__(self, user_id: str, points: int) -> None:
        self.user_id = user_id
        self.points = points
        self.status = JobStatus.DRAFT
        self.statuses = [JobStatus.DRAFT]
        self.entries = [EntryKind.RESERVE]

    @property
    def used(self) -> int:
        return 0 if EntryKind.REFUND in self.entries else self.points

    @property
    def held(self) -> int:
        return self.points if self.entries[-1] is EntryKind.HOLD else 0


class LedgerMachine(RuleBasedStateMachine):
    """Users ask for jobs until their points are spent; whatever may happen to a job happens, in any order."""

    jobs: Bundle[str] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.expected: dict[str, Expected] = {}
        self.directory = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.opened = AsyncExitStack()
        url = f"sqlite:///{Path(self.directory.name) / 'aijobs.db'}"
        self.database = self.run(self.opened.enter_async_context(opened_database(url)))
        self.records = DatabaseRecords(self.database, CATALOGUE)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(doing)

    def teardown(self) -> None:
        self.run(self.opened.aclose())
        self.runner.close()
        self.directory.cleanup()

    def used(self, user_id: str) -> int:
        return sum(job.used for job in self.expected.values() if job.user_id == user_id)

    @rule(target=jobs, user_id=st.sampled_from(USERS), model_id=MODELS, count=st.integers(1, 2))
    def ask(self, user_id: str, model_id: str, count: int) -> str:
        model = CATALOGUE.model(model_id)
        request = JobRequest(model_id=model_id, params={}, output_count=count)
        order = Acceptance(
            user_id=user_id, request=request, model=model, params={}, created_by="test", daily_limit=LIMIT
        )
        costs = model.unit_point * count
        try:
            code = self.run(self._accept(order))
        except PointsExhausted:
            assert self.used(user_id) + costs > LIMIT
            return new_id("job")  # of a job that never was
        assert self.used(user_id) + costs <= LIMIT
        self.expected[code] = Expected(user_id, costs)
        return code

    async def _accept(self, order: Acceptance) -> str:
        return (await self.database.write(accept, order)).code

    @rule(code=jobs, to=st.sampled_from(JobStatus), may_charge=st.booleans())
    def move(self, code: str, to: JobStatus, *, may_charge: bool) -> None:
        if (job := self.expected.get(code)) is None:
            return
        try:
            state = self.run(self.records.gate.advance(code, to, provider_may_charge=may_charge))
        except IllegalMove:
            assert to not in TRANSITIONS[job.status]
            assert job.status.is_final or to > job.status
            return
        if to in TRANSITIONS[job.status]:
            job.status = to
            job.statuses.append(to)
            if to.is_final:
                job.entries.append(CLOSING[to, may_charge])
        assert state.job_status is job.status

    @rule(code=jobs, units=st.lists(st.floats(0, 100), min_size=2, max_size=4), in_time=st.sampled_from([True, False]))
    def progress(self, code: str, units: list[float], *, in_time: bool) -> None:
        """Steps that come too soon after another are not written down; none ever leads back."""
        if (job := self.expected.get(code)) is None:
            return
        for unit in units:
            if in_time:
                self.run(self._let_time_pass(code))
            self.run(self.records.gate.progress(code, job.status, unit))

    async def _let_time_pass(self, code: str) -> None:
        def work(session: Session) -> None:
            earlier = now() - 2 * gate.PROGRESS_PAUSE
            session.exec(update(JobRow).where(col(JobRow.code) == code).values(update_time=earlier))

        await self.database.write(work)

    @rule(code=jobs, status=st.sampled_from([JobStatus.GENERATED, JobStatus.FAILED, JobStatus.CANCELED]))
    def hear_late_word(self, code: str, status: JobStatus) -> None:
        job = self.expected.get(code)
        if job is None or not job.status.is_final:
            return
        self.run(self.records.late_outcomes.record(code, status, {}))
        if job.held:
            job.entries.append(EntryKind.SETTLE if status is JobStatus.GENERATED else EntryKind.REFUND)

    @rule(code=jobs, decision=st.sampled_from(Resolution))
    def operator_decides(self, code: str, decision: Resolution) -> None:
        if (job := self.expected.get(code)) is None:
            return
        try:
            self.run(self._decide(code, decision))
        except NothingHeld:
            assert not job.held
            return
        assert job.held
        job.entries.append(EntryKind.REFUND if decision is Resolution.REFUND else EntryKind.SETTLE)

    async def _decide(self, code: str, decision: Resolution) -> None:
        def work(session: Session) -> None:
            resolve(session, gate.locked_job(session, code), decision, by="operator", why="because")

        await self.database.write(work)

    @rule(code=jobs)
    def request_cancel(self, code: str) -> None:
        if (job := self.expected.get(code)) is None:
            return
        try:
            self.run(self._request_cancel(code))
        except JobIsFinal:
            assert job.status.is_final
            return
        assert not job.status.is_final

    async def _request_cancel(self, code: str) -> None:
        def work(session: Session) -> None:
            gate.note_cancel_request(session, gate.locked_job(session, code), reason="")

        await self.database.write(work)

    @precondition(lambda self: self.expected)
    @invariant()
    def all_is_as_expected(self) -> None:
        self.run(self._all_is_as_expected())

    async def _all_is_as_expected(self) -> None:
        def work(session: Session) -> None:
            assert violations(session) == []
            for code, job in self.expected.items():
                row = job_of(session, code)
                events = events_after(session, code, 0)
                assert row.job_status is job.status
                assert [event.seq for event in events] == list(range(1, row.event_seq + 1))
                assert [event.job_status for event in events if event.kind is EventKind.STATUS] == job.statuses
                assert [entry.kind for entry in entries_of(session, code)] == job.entries
                assert not any(event.kind is EventKind.PROGRESS and event.job_status.is_final for event in events)
                progress = [event.overall_progress for event in events if not event.job_status.is_final]
                assert progress == sorted(progress)
            for user_id in USERS:
                mine = [one for one in self.expected.values() if one.user_id == user_id]
                if mine:
                    row_day = job_of(session, next(iter(self.expected))).create_date
                    day = today(session, user_id, row_day)
                    assert (day.used, day.held) == (self.used(user_id), sum(one.held for one in mine))

        await self.database.snapshot(work)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
