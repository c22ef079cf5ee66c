"""What survives a process that is killed while it writes, and what a slow read holds up."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

from sqlmodel import Session, col, select

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind
from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.points.audit import violations
from aijobs.persistence.tables import JobEventRow, JobRow, PointsEntryRow, PointsLimitRow
from tests.databases import database_url

KILLS = 3
ACKNOWLEDGED_FIRST = 60  #: lines, before the process is killed
START_SECONDS = 60
WAIT = 10


async def acknowledged_by_a_killed_process(url: str) -> list[str]:
    """What it printed until it was killed in the middle of its work; the last line may be cut off."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.persistence.database.load.load_until_killed", url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        lines = [await process.stdout.readline() for _ in range(ACKNOWLEDGED_FIRST)]
        os.kill(process.pid, signal.SIGKILL)
        lines += (await process.stdout.read()).splitlines(keepends=True)
        await process.wait()
    return [line.decode().strip() for line in lines if line.endswith(b"\n")]


async def test_nothing_acknowledged_is_lost_when_processes_are_killed_under_load(
    database: Database, tmp_path: Path
) -> None:
    lines: list[str] = []
    for _ in range(KILLS):
        lines += await acknowledged_by_a_killed_process(database_url(tmp_path))

    jobs, events, entries = await database.snapshot(everything)
    reached = {code: JobStatus(int(status)) for code, status in (line.split() for line in lines)}  # the last one counts

    assert len(lines) >= KILLS * ACKNOWLEDGED_FIRST
    assert reached.keys() <= jobs.keys()
    assert [code for code, status in reached.items() if jobs[code].job_status < status] == []
    for code, job in jobs.items():
        assert [event.seq for event in events[code]] == list(range(1, job.event_seq + 1))
        assert events[code][-1].job_status is job.job_status
        assert entries[code] == [EntryKind.RESERVE, EntryKind.SETTLE][: 1 + job.job_status.is_final]
    assert await database.snapshot(violations) == []


Everything = tuple[dict[str, JobRow], dict[str, list[JobEventRow]], dict[str, list[EntryKind]]]


def everything(session: Session) -> Everything:
    jobs = {job.code: job for job in session.exec(select(JobRow))}
    events: dict[str, list[JobEventRow]] = {code: [] for code in jobs}
    entries: dict[str, list[EntryKind]] = {code: [] for code in jobs}
    for event in session.exec(select(JobEventRow).order_by(col(JobEventRow.seq))):
        events[event.job_code].append(event)
    for entry in session.exec(select(PointsEntryRow).order_by(col(PointsEntryRow.id))):
        entries[entry.job_code].append(EntryKind(entry.kind))
    return jobs, events, entries


def add(session: Session, user_id: str) -> None:
    session.add(PointsLimitRow(user_id=user_id, daily_limit=1))


def users(session: Session) -> list[str]:
    return list(session.exec(select(PointsLimitRow.user_id)))


async def test_work_that_is_under_way_is_finished_when_its_caller_is_canceled(database: Database) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        add(session, "ada")
        begun.set()
        assert may_end.wait(WAIT)

    writing = asyncio.create_task(database.write(slow))
    assert await asyncio.to_thread(begun.wait, WAIT)
    writing.cancel()
    may_end.set()
    await asyncio.gather(writing, return_exceptions=True)
    await database.write(add, "bo")

    assert writing.cancelled()
    assert sorted(await database.read(users)) == ["ada", "bo"]


async def test_closing_waits_for_the_work_that_is_under_way(database: Database, tmp_path: Path) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        add(session, "ada")
        begun.set()
        assert may_end.wait(WAIT)

    async with opened_database(database_url(tmp_path)) as closing:
        writing = asyncio.create_task(closing.write(slow))
        assert await asyncio.to_thread(begun.wait, WAIT)
        asyncio.get_running_loop().call_later(0.2, may_end.set)
    await writing

    assert await database.read(users) == ["ada"]


async def test_long_reads_do_not_hold_up_short_ones(database: Database) -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()

    def slow(_session: Session) -> None:
        begun.release()
        assert may_end.wait(WAIT)

    reports = [asyncio.create_task(database.snapshot(slow)) for _ in range(5)]
    assert await asyncio.to_thread(begun.acquire, timeout=WAIT)
    async with asyncio.timeout(WAIT / 2):
        await database.write(add, "ada")
        assert await database.read(users) == ["ada"]
    assert not any(report.done() for report in reports)

    may_end.set()
    await asyncio.gather(*reports)
