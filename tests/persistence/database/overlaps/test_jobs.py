"""However two steps of one job overlap, it ends once, is sent once, and its points are closed once."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest
from sqlmodel import Session, col, select

from aijobs.domain.errors import CancelRequested, JobIsFinal, NothingHeld, PointsExhausted, SubmissionExists
from aijobs.domain.jobs.events import JobEvent
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.outputs import OutputKind, StoredOutput
from aijobs.domain.jobs.submissions import Accepted, Outcome, ProviderRequest, Rejected, Submission, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.jobs import gate
from aijobs.persistence.jobs.event_log import events_after
from aijobs.persistence.jobs.resolutions import Resolution, attach, resolve
from aijobs.persistence.points.audit import violations
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.tables import SubmissionRow
from tests.persistence.conftest import AcceptJob
from tests.persistence.database.overlaps.stepping import Overlaps, Transaction

ERROR: Final = JobError(code="test", message="As the test wants it.", stage=Stage.BUSINESS)
REQUEST: Final = ProviderRequest(method="POST", url="https://api.example.com/v1/predictions", body={"x": 1})
UNTIL_MIGRATING: Final = (JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING)


class Jobs:
    """New jobs, and what is to be true of all of them."""

    def __init__(self, database: Database, records: DatabaseRecords, accept: AcceptJob) -> None:
        self.database, self.records, self.accept = database, records, accept
        self.code = ""

    async def new(self, *statuses: JobStatus) -> str:
        self.code = await self.accept(daily_limit=10**6)
        for status in statuses:
            await self.records.gate.advance(self.code, status)
        return self.code

    async def in_doubt(self) -> str:
        """Its points are held."""
        code = await self.new(JobStatus.SUBMITTED)
        await self.records.gate.advance(code, JobStatus.TIMEOUT, error=ERROR, provider_may_charge=True)
        return code

    def ended(self, status: JobStatus) -> Transaction:
        return partial(self.records.gate.advance, self.code, status, error=ERROR)

    def intended(self, token: str) -> Transaction:
        code = self.code
        return partial(self.records.submissions.intend, code, provider="p", token=f"{code} {token}", request=REQUEST)

    def requested_cancel(self) -> Transaction:
        def work(session: Session, code: str) -> None:
            gate.note_cancel_request(session, gate.locked_job(session, code), reason="Not needed.")

        return partial(self.database.write, work, self.code)

    def resolved(self, decision: Resolution) -> Transaction:
        def work(session: Session, code: str) -> None:
            resolve(session, gate.locked_job(session, code), decision, by="test", why="It is known now.")

        return partial(self.database.write, work, self.code)

    def late(self, status: JobStatus) -> Transaction:
        return partial(self.records.late_outcomes.record, self.code, status, {})

    async def history(self) -> list[JobEvent]:
        return await self.database.read(events_after, self.code, 0)

    async def are_sound(self) -> bool:
        """The ledger balances, and the job's history counts without a gap and ends once."""
        events = await self.history()
        numbers, ends = [event.seq for event in events], {event.job_status for event in events}
        assert numbers == list(range(1, len(events) + 1))
        assert sum(status.is_final for status in ends) <= 1
        assert await self.database.snapshot(violations) == []
        return True


@pytest.fixture
def jobs(database: Database, records: DatabaseRecords, accept_job: AcceptJob) -> Jobs:
    return Jobs(database, records, accept_job)


def refused(*results: Any) -> list[type]:
    """The kinds of the errors among the results. Errors that nobody raises on purpose are raised."""
    for result in results:
        if isinstance(result, BaseException) and not type(result).__module__.startswith("aijobs.domain"):
            raise result
    return [type(result) for result in results if isinstance(result, BaseException)]


ENDS: Final = [
    (JobStatus.SUCCESS, JobStatus.CANCELED),
    (JobStatus.CANCELED, JobStatus.SUCCESS),
    (JobStatus.TIMEOUT, JobStatus.FAILED),
]


@pytest.mark.parametrize(("one", "other"), ENDS)
async def test_a_job_ends_once(jobs: Jobs, overlapping: Overlaps, one: JobStatus, other: JobStatus) -> None:
    async def make() -> tuple[Transaction, Transaction]:
        await jobs.new(*UNTIL_MIGRATING)
        return jobs.ended(one), jobs.ended(other)

    async for states in overlapping(make):
        assert refused(*states) == []
        assert len({state.job_status for state in states}) == 1
        assert await jobs.are_sound()


async def test_one_intent_is_stored(jobs: Jobs, overlapping: Overlaps) -> None:
    async def make() -> tuple[Transaction, Transaction]:
        await jobs.new()
        return jobs.intended("a"), jobs.intended("b")

    async for results in overlapping(make):
        assert refused(*results) == [SubmissionExists]


@pytest.mark.parametrize("wish", [lambda jobs: jobs.ended(JobStatus.CANCELED), lambda jobs: jobs.requested_cancel()])
async def test_nothing_is_intended_after_the_wish_to_end(
    jobs: Jobs, overlapping: Overlaps, wish: Callable[[Jobs], Transaction]
) -> None:
    async def make() -> tuple[Transaction, Transaction]:
        await jobs.new()
        return jobs.intended("a"), wish(jobs)

    async for intended, ended in overlapping(make):
        assert refused(ended) == []
        assert refused(intended) in ([], [JobIsFinal], [CancelRequested])
        if isinstance(intended, Submission):
            assert intended.intent_at < (await jobs.history())[-1].at, "it was stored first"
        assert await jobs.are_sound()


async def test_what_is_accepted_stays_accepted(jobs: Jobs, overlapping: Overlaps) -> None:
    sent: Submission

    async def make() -> tuple[Transaction, Transaction]:
        nonlocal sent
        await jobs.new()
        sent = await jobs.intended("a")()
        await jobs.records.submissions.conclude(sent, Unknown("reset"))
        conclude = jobs.records.submissions.conclude
        return (
            partial(conclude, sent, Rejected("lost", "not there", may_retry=False)),
            partial(conclude, sent, Accepted({"id": jobs.code})),
        )

    def outcome(session: Session) -> str | None:
        return session.exec(select(SubmissionRow.outcome).where(col(SubmissionRow.id) == sent.id)).one()

    async for results in overlapping(make):
        assert refused(*results) == []
        assert await jobs.database.read(outcome) == Outcome.ACCEPTED


DECISIONS: Final[list[Callable[[Jobs], Transaction]]] = [
    lambda jobs: jobs.resolved(Resolution.REFUND),
    lambda jobs: jobs.resolved(Resolution.CHARGE),
    lambda jobs: jobs.late(JobStatus.GENERATED),
    lambda jobs: jobs.late(JobStatus.FAILED),
]


@pytest.mark.parametrize("other", range(len(DECISIONS)))
async def test_held_points_are_decided_once(jobs: Jobs, overlapping: Overlaps, other: int) -> None:
    async def make() -> tuple[Transaction, Transaction]:
        await jobs.in_doubt()
        return DECISIONS[0](jobs), DECISIONS[other](jobs)

    async for results in overlapping(make):
        assert refused(*results) in ([], [NothingHeld])
        assert await jobs.are_sound()


async def test_a_reference_is_attached_to_one_job(jobs: Jobs, overlapping: Overlaps) -> None:
    def attached(code: str, ref: str) -> Transaction:
        def work(session: Session) -> None:
            attach(session, gate.locked_job(session, code), {"id": ref}, by="test", why="It is known now.")

        return partial(jobs.database.write, work)

    async def make() -> tuple[Transaction, Transaction]:
        codes = []
        for _ in range(2):
            codes.append(await jobs.new())
            await jobs.records.submissions.conclude(await jobs.intended("a")(), Unknown("reset"))
        one, other = (attached(code, f"made for {codes[0]}") for code in codes)
        return one, other

    async for results in overlapping(make):
        assert refused(*results) == [SubmissionExists]
        assert await jobs.are_sound()


async def test_nobody_gets_above_the_daily_limit(jobs: Jobs, accept_job: AcceptJob, overlapping: Overlaps) -> None:
    users = iter(range(1000))

    async def make() -> tuple[Transaction, Transaction]:
        order = partial(accept_job, user_id=f"user-{next(users)}", daily_limit=3)
        return order, order

    async for codes in overlapping(make):
        assert refused(*codes) == [PointsExhausted]
        assert await jobs.database.snapshot(violations) == []


def output(code: str, index: int) -> StoredOutput:
    return StoredOutput(
        index=index,
        kind=OutputKind.IMAGE,
        media_type="image/png",
        size=1,
        sha256="00",
        key=f"outputs/{code}/{index}.png",
        original_url=None,
        width=1,
        height=1,
    )


@pytest.mark.parametrize("index", [0, 1])
async def test_outputs_that_come_together_complete_a_job_once(jobs: Jobs, overlapping: Overlaps, index: int) -> None:
    """The same output by two attempts of one activity, or the last two of several, side by side."""
    outputs = jobs.records.outputs

    async def make() -> tuple[Transaction, Transaction]:
        code = await jobs.new(*UNTIL_MIGRATING)
        for each in {0, index}:
            await outputs.begin_write(output(code, each).key, job_code=code)
        return tuple(  # type: ignore[return-value]
            partial(outputs.add, code, output(code, each), complete_at=index + 1) for each in (0, index)
        )

    async for states in overlapping(make):
        assert refused(*states) == []
        assert {kept.index for kept in await outputs.of_job(jobs.code)} == {0, index}
        assert JobStatus.SUCCESS in {state.job_status for state in states}
        assert await jobs.are_sound()


async def test_no_output_is_added_to_a_job_that_has_ended(jobs: Jobs, overlapping: Overlaps) -> None:
    outputs = jobs.records.outputs

    async def make() -> tuple[Transaction, Transaction]:
        code = await jobs.new(*UNTIL_MIGRATING)
        await outputs.begin_write(output(code, 0).key, job_code=code)
        return partial(outputs.add, code, output(code, 0), complete_at=1), jobs.ended(JobStatus.CANCELED)

    async for added, ended in overlapping(make):
        assert refused(ended) == []
        kept = await outputs.of_job(jobs.code)
        assert (len(kept), ended.job_status) == (
            (0, JobStatus.CANCELED) if refused(added) == [JobIsFinal] else (1, JobStatus.SUCCESS)
        )
        assert await jobs.are_sound()
