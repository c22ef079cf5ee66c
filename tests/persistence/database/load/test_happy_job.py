"""What a happy job costs the database: each transaction of the worker's steps is one round, and waits for the disk."""

import math

from aijobs.persistence.database import Database
from bench.rig.happy_job import CountedDatabase, HappyJobs, noted_statements

WRITES = 7  #: intent and outcome of the submit, three polls with news, the first write of the output, its end
READS = 1  #: what the submit needs
ACCEPTING = 4  #: the job, its event, its points and their entry
STATEMENTS = 29


async def of_a_busy_worker(database: Database) -> HappyJobs:
    """As a worker is that has begun: it writes how long jobs took at most twice a minute, and reads it as seldom.

    How credentials stand is read twice a second, whatever the number of jobs. Here once, so that it is never counted.
    """
    jobs = HappyJobs(database, fresh_for=math.inf)
    for _ in range(2):
        await jobs.run(await jobs.accept())
    return jobs


async def test_a_happy_job_takes_eight_transactions(database: Database) -> None:
    counted = CountedDatabase(database)
    jobs = await of_a_busy_worker(counted)
    brief = await jobs.accept()
    counted.writes = counted.reads = 0

    await jobs.run(brief)

    assert counted.writes == WRITES
    assert counted.reads == READS


async def test_a_happy_job_takes_few_statements(database: Database) -> None:
    """Each is a round to the server."""
    jobs = await of_a_busy_worker(database)
    with noted_statements() as statements:
        brief = await jobs.accept()
    with noted_statements() as more:
        await jobs.run(brief)

    assert (len(statements), len(more)) == (ACCEPTING, STATEMENTS), [*statements, *more]
