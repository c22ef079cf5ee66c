"""Objects on their way into the store, and what dead processes leave of them."""

from datetime import timedelta

import pytest

from aijobs.domain.errors import JobIsFinal
from aijobs.domain.jobs.outputs import OutputKind, StoredOutput
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.repositories import DatabaseRecords
from tests.persistence.conftest import AcceptJob

AT_ONCE = timedelta(0)


def output(code: str) -> StoredOutput:
    return StoredOutput(
        index=0,
        kind=OutputKind.IMAGE,
        media_type="image/png",
        size=1,
        sha256="00",
        key=f"outputs/{code}/0.png",
        original_url=None,
        width=1,
        height=1,
    )


async def test_what_was_begun_and_not_finished_is_found(records: DatabaseRecords, accept_job: AcceptJob) -> None:
    code = await accept_job()

    await records.outputs.begin_write("outputs/x/0.png", job_code=code)

    assert await records.housekeeping.abandoned_writes(older_than=AT_ONCE) == []  # its job may still finish it
    await records.gate.advance(code, JobStatus.FAILED)
    assert await records.housekeeping.abandoned_writes(older_than=timedelta(hours=1)) == []
    assert await records.housekeeping.abandoned_writes(older_than=AT_ONCE) == ["outputs/x/0.png"]
    await records.housekeeping.forget_write("outputs/x/0.png")
    assert await records.housekeeping.abandoned_writes(older_than=AT_ONCE) == []


async def test_what_became_an_output_is_never_cleared_away(records: DatabaseRecords, accept_job: AcceptJob) -> None:
    code = await accept_job()
    kept = output(code)
    await records.outputs.begin_write(kept.key, job_code=code)
    await records.outputs.add(code, kept)

    await records.outputs.begin_write(kept.key, job_code=code)  # by another try, which then dies

    assert await records.housekeeping.abandoned_writes(older_than=AT_ONCE) == []


async def test_a_job_that_has_ended_takes_no_more_outputs(records: DatabaseRecords, accept_job: AcceptJob) -> None:
    code = await accept_job()
    await records.outputs.begin_write(output(code).key, job_code=code)
    await records.gate.advance(code, JobStatus.CANCELED)

    with pytest.raises(JobIsFinal):
        await records.outputs.add(code, output(code))
    with pytest.raises(JobIsFinal):
        await records.outputs.begin_write(output(code).key, job_code=code)
    assert await records.outputs.drop(code) == [output(code).key]


async def test_what_was_dropped_is_named_again_until_the_store_has_deleted_it(
    records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    code = await accept_job()
    kept = output(code)
    await records.outputs.begin_write(kept.key, job_code=code)
    await records.outputs.add(code, kept)
    await records.gate.advance(code, JobStatus.FAILED)

    dropped = [await records.outputs.drop(code) for _ in range(2)]

    assert dropped == [[kept.key], [kept.key]]
    assert await records.outputs.of_job(code) == []
