"""Progress for simple front ends: the exact frames, to the end."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlmodel import Session

from aijobs.domain.errors import InvalidParameters
from aijobs.domain.jobs.events import EventKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.documents.client_task_ids import bind_task_id
from aijobs.persistence.jobs.gate import locked_job, record
from tests.api.installation import ApiUnderTest
from tests.api.streaming import SseFrame, reading

GOOD_END = (JobStatus.SUBMITTED, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)


async def bound(api: ApiUnderTest, task_id: str, code: str, user: str = "ada") -> None:
    await api.dependencies.database.write(bind_task_id, task_id, code, user)


async def stage_done(api: ApiUnderTest, code: str, stage: int, stages: int) -> None:
    """Record progress as a job with stages of its own does."""

    def work(session: Session) -> None:
        job = locked_job(session, code)
        record(session, job, EventKind.PROGRESS, {"stage": stage, "stages": stages})

    await api.dependencies.database.write(work)


def data(frames: Sequence[SseFrame]) -> list[dict[str, Any]]:
    return [frame.data for frame in frames]


async def test_a_job_is_told_from_init_to_complete(api: ApiUnderTest) -> None:
    code = await api.job("ada")
    async with reading(api, f"/api/progress/track/{code}") as stream:
        first_frame = await stream.next()
        await api.push(code, JobStatus.SUBMITTED, JobStatus.PROCESSING)
        await stage_done(api, code, 2, 5)
        await api.push(code, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)
        frames = [first_frame, *await stream.rest()]

    assert {frame.event for frame in frames} == {"message"}
    assert [frame.id for frame in frames] == ["0", "2", "3", "4", "5", "6", "7"]
    assert frames[0].data == {"type": "INIT", "taskId": code, "message": "任务已开始", "progress": 0}
    assert frames[2].data == {
        "type": "PROGRESS",
        "taskId": code,
        "currentStage": 3,
        "totalStages": 6,
        "progress": 50,
        "message": "生成中",
    }
    assert (frames[3].data["currentStage"], frames[3].data["totalStages"]) == (2, 5)
    assert frames[-1].data == {"type": "COMPLETE", "taskId": code, "progress": 100, "message": "成功", "success": True}


@pytest.mark.parametrize("end", [JobStatus.FAILED, JobStatus.TIMEOUT, JobStatus.CANCELED])
async def test_a_bad_end_is_an_error_with_its_reason(shared_api: ApiUnderTest, end: JobStatus) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, end)
    async with reading(shared_api, f"/api/progress/track?taskId={code}") as stream:
        frames = data(await stream.rest())

    reason = "As the test wants it."
    assert frames[-1] == {"type": "ERROR", "taskId": code, "progress": -1, "message": reason, "success": False}
    assert [frame["type"] for frame in frames] == ["INIT", "ERROR"]


async def test_it_is_taken_up_again_and_whoever_heard_the_end_stays_away(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, *GOOD_END)
    path = f"/api/progress/track/{code}"

    for last_id, ids in (("0", "23456"), ("3", "456"), ("7", "023456"), ("x", "023456"), ("1" * 400, "023456")):
        async with reading(shared_api, path, last_id=last_id) as stream:
            assert "".join(frame.id for frame in await stream.rest()) == ids
    assert (await shared_api.http.get(path, headers={"Last-Event-ID": "6"})).status_code == 204


async def test_what_is_noted_after_the_end_brings_nobody_back_for_ever(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    await shared_api.push(code, JobStatus.CANCELED)
    await shared_api.dependencies.records.gate.note(code, {"late": "word"})
    async with reading(shared_api, f"/api/progress/track/{code}") as stream:
        assert [frame["type"] for frame in data(await stream.rest())] == ["INIT", "ERROR"]

    again = await shared_api.http.get(f"/api/progress/track/{code}", headers={"Last-Event-ID": stream.last_id})
    assert again.status_code == 204


async def test_a_made_up_name_waits_for_its_job_and_a_browser_comes_back_to_it(api: ApiUnderTest) -> None:
    as_ada = {"Aijobs-User": "ada"}
    async with reading(api, "/api/progress/track", headers=as_ada) as stream:
        (first_frame,) = data([await stream.next()])
        task_id = first_frame["taskId"]
    async with reading(api, "/api/progress/track", headers=as_ada, last_id=stream.last_id) as stream:
        await api.job("ada")
        code = await api.job("ada")
        await bound(api, task_id, code)
        await api.job("ada")
        await api.push(code, JobStatus.SUBMITTED)
        first = await stream.next()
    async with reading(api, "/api/progress/track", headers=as_ada, last_id=stream.last_id) as stream:
        await api.push(code, JobStatus.CANCELED)
        rest = await stream.rest()

    assert (first_frame["type"], first_frame["progress"]) == ("INIT", 0)
    assert (first.data["type"], first.data["taskId"], first.data["currentStage"]) == ("PROGRESS", task_id, 1)
    assert [(frame.data["type"], frame.data["taskId"]) for frame in rest] == [("ERROR", task_id)]


async def test_a_name_is_its_users_own(api: ApiUnderTest) -> None:
    hers, his = await api.job("ada"), await api.job("bob")
    await bound(api, "my-upload", hers, "ada")
    await bound(api, "my-upload", his, "bob")
    await asyncio.gather(*(api.push(code, JobStatus.CANCELED) for code in (hers, his)))
    async with reading(api, "/api/progress/track/my-upload", headers={"Aijobs-User": "ada"}) as stream:
        await stream.rest()
    async with reading(api, "/api/progress/track/my-upload", headers={"Aijobs-User": "eve"}) as foreign:
        assert (await foreign.next()).data["type"] == "INIT"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await foreign.next()

    assert stream.last_id == "2"


async def test_names_that_are_none(shared_api: ApiUnderTest) -> None:
    code, other = await shared_api.job("ada"), await shared_api.job("ada")
    for name in ("a b", "x" * 65, "job_nothing", "", code):
        with pytest.raises(InvalidParameters, match="task"):
            await bound(shared_api, name, code)
    await bound(shared_api, "taken", code)
    await bound(shared_api, "taken", code)
    with pytest.raises(InvalidParameters, match="another"):
        await bound(shared_api, "taken", other)

    for path in ("/a%20b", f"/{'x' * 65}", "/job_nothing", "?taskId=a%0Ab", "?taskId="):
        assert (await shared_api.http.get(f"/api/progress/track{path}")).status_code == 404
