"""What a happy job costs the database: each transaction of the worker's steps is one round, and waits for the disk."""

import pytest

from aijobs.persistence import vendor_credentials
from aijobs.persistence.database import Database
from bench.rig.happy_job import CountedDatabase, HappyJobs, noted_statements

WRITES = 7  #: intent and outcome of the submit, three polls with news, the first write of the output, its end
READS = 1  #: what the submit needs
ACCEPTING = 4  #: the job, its event, its points and their entry
STATEMENTS = 29


@pytest.fixture(autouse=True)
def _credentials_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice a second otherwise, whatever the number of jobs: on a slow machine, within the job that is counted."""
    monkeypatch.setattr(vendor_credentials, "FRESH_FOR", 3600.0)


async def with_first_ends_written(jobs: HappyJobs) -> HappyJobs:
    """As a worker is that has begun: it writes how long jobs took at most twice a minute, and reads it as seldom."""
    for _ in range(2):
        await jobs.run(await jobs.accept())
    return jobs


async def test_a_happy_job_takes_eight_transactions(database: Database) -> None:
    counted = CountedDatabase(database)
    jobs = await with_first_ends_written(HappyJobs(counted))
    brief = await jobs.accept()
    counted.writes = counted.reads = 0

    await jobs.run(brief)

    assert counted.writes == WRITES
    assert counted.reads in (READS, READS + 1)  # how credentials stand is read when that was not done just before


async def test_a_happy_job_takes_few_statements(database: Database) -> None:
    """Each is a round to the server."""
    jobs = await with_first_ends_written(HappyJobs(database))
    with noted_statements() as statements:
        brief = await jobs.accept()
    with noted_statements() as more:
        await jobs.run(brief)

    assert (len(statements), len(more)) == (ACCEPTING, STATEMENTS), [*statements, *more]
