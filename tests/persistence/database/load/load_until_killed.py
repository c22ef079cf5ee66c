"""A process that accepts jobs and moves them until it is killed: `python -m … URL`. It prints what was acknowledged."""

import asyncio
import sys

from aijobs.domain.jobs.job import JobRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.settings import Settings

AT_ONCE = 20
STEPS = (JobStatus.SUBMITTED, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)


async def load(url: str) -> None:
    catalogue = Settings().load_catalogue()
    model = catalogue.model("replicate_imageupscale_v1")
    request = JobRequest(model_id=model.model_id, params={"image": "https://example.com/photo.jpg"})
    order = Acceptance(
        user_id="ada", request=request, model=model, params=request.params, created_by="test", daily_limit=10**9
    )
    async with opened_database(url) as database:
        records = DatabaseRecords(database, catalogue)
        await asyncio.gather(*(jobs(database, records, order) for _ in range(AT_ONCE)))


async def jobs(database: Database, records: DatabaseRecords, order: Acceptance) -> None:
    while True:
        code = (await database.write(accept, order)).code
        acknowledge(code, JobStatus.DRAFT)
        for status in STEPS:
            await records.gate.advance(code, status)
            acknowledge(code, status)


def acknowledge(code: str, status: JobStatus) -> None:
    sys.stdout.write(f"{code} {int(status)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(load(sys.argv[1]))
