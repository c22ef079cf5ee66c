"""What has outlived its time is erased, part by part, and what is younger, held or still needed is not."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select
from temporalio.client import Client

from aijobs.domain.errors import NotFound
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.jobs.retention import (
    EVERYTHING,
    HoldKind,
    Kept,
    LetGo,
    Lifetimes,
    RetentionPolicy,
    RetentionSettings,
)
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.points import audit
from aijobs.persistence.retention.holds import begin_hold, end_hold
from aijobs.persistence.retention.rules import set_lifetimes
from aijobs.persistence.tables import JobRow, PhotoBeautifyRow, PhotoReviewRow
from tests.api.conftest import started_run
from tests.api.installation import UPSCALE, ApiUnderTest
from tests.retention.conftest import AT_ONCE, Retaining

Dump = Callable[[], Awaitable[str]]

PHOTO = (Path(__file__).parents[2] / "cli" / "samples" / "sample.jpg").read_bytes()
WAY = (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING)
MARK = "planted-mark"


async def done_job(api: ApiUnderTest, user: str = "ada", **more: Any) -> str:
    """A job with an exchange, an output, and the mark in what belongs to each."""
    code = await api.job(user, metadata={"note": f"{MARK}-metadata"}, **more)
    records = api.dependencies.records
    request = ProviderRequest("POST", "https://vendor.example.com", {"prompt": f"{MARK}-exchange"}, {})
    submission = await records.submissions.intend(code, provider="replicate", token=f"token_{code}", request=request)
    await records.submissions.conclude(submission, Accepted({"id": f"p_{code}"}))
    await api.push(code, *WAY)
    await records.gate.keep_response(code, {"answer": f"{MARK}-exchange"})
    await records.gate.note(code, {"said": f"{MARK}-event"})
    await api.keep_output(code, f"{MARK}-output".encode())
    await api.push(code, JobStatus.SUCCESS)
    return code


def test_a_user_says_more_than_a_model_and_that_more_than_the_installation() -> None:
    policy = RetentionPolicy(
        settings=RetentionSettings(jobs=timedelta(days=30), outputs=timedelta(days=9)),
        models={"film": Lifetimes(outputs=timedelta(days=1), jobs="forever")},
        users={"ada": Lifetimes(outputs="forever")},
    )

    def days(kept: Kept, model_id: str, user_id: str) -> int | None:
        lifetime = policy.lifetime(kept, model_id=model_id, user_id=user_id)
        return lifetime.days if lifetime else None

    assert [days(Kept.OUTPUTS, "picture", "bob"), days(Kept.OUTPUTS, "film", "bob")] == [9, 1]
    assert [days(Kept.OUTPUTS, "film", "ada"), days(Kept.JOBS, "film", "ada"), days(Kept.JOBS, "x", "ada")] == [
        *(None, None, 30)
    ]
    assert policy.due(timedelta(days=2), model_id="film", user_id="bob") == LetGo.OUTPUTS
    assert policy.due(timedelta(days=30), model_id="picture", user_id="bob") == EVERYTHING
    assert policy.shortest == timedelta(days=1)
    assert RetentionPolicy(settings=RetentionSettings()).shortest is None


@pytest.mark.parametrize(
    ("part", "gone"),
    [("events", "event"), ("exchanges", "exchange"), ("outputs", "output")],
)
async def test_each_part_of_a_job_has_a_lifetime_of_its_own(
    api: ApiUnderTest, retain: Retaining, database_dump: Dump, part: str, gone: str
) -> None:
    code = await done_job(api)
    (output,) = await api.dependencies.records.outputs.of_job(code)

    await retain(**{part: AT_ONCE})
    again = await retain(**{part: AT_ONCE})

    dump = await database_dump()
    kept = {"metadata", "event", "exchange"} - {gone}
    assert {name for name in ("metadata", "event", "exchange") if f"{MARK}-{name}" in dump} == kept
    assert (output.key in dump) is (gone != "output")
    stored = await stored_mark(api, output.key)
    assert stored is (gone != "output")
    assert again == 0
    job = (await api.http.get(f"/api/jobs/{code}")).json()
    assert (job["job_status_name"], job["metadata"], job["points"]) == ("SUCCESS", {"note": f"{MARK}-metadata"}, 2)


async def stored_mark(api: ApiUnderTest, key: str) -> bool:
    try:
        return MARK.encode() in b"".join([chunk async for chunk in api.dependencies.store.read(key)])
    except NotFound:
        return False


async def test_of_a_job_whose_time_is_over_figures_remain(
    api: ApiUnderTest, retain: Retaining, database_dump: Dump
) -> None:
    code, running = await done_job(api), await api.job("ada")
    used = (await api.http.get("/api/points", headers={"Aijobs-User": "ada"})).json()["used"]

    await retain(jobs=AT_ONCE)

    assert MARK not in await database_dump()
    assert (await api.http.get(f"/api/jobs/{code}")).status_code == 404
    assert (await api.http.get(f"/api/jobs/{running}")).status_code == 200
    assert (await api.http.get("/api/points", headers={"Aijobs-User": "ada"})).json()["used"] == used
    assert await api.dependencies.database.snapshot(audit.violations) == []


async def test_what_was_deleted_is_erased_with_its_history_in_temporal(
    api: ApiUnderTest, retain: Retaining, temporal: Client, database_dump: Dump
) -> None:
    code, kept = await done_job(api), await done_job(api)
    await started_run(temporal, code)
    await api.http.delete(f"/api/jobs/{code}")

    assert await retain(deleted=timedelta(days=1)) == 0
    assert await retain() == 1

    dump = await database_dump()
    assert f"token_{code}" not in dump
    assert f"token_{kept}" in dump
    found = [run.id async for run in temporal.list_workflows(f'WorkflowId = "{code}"')]
    assert found == []


async def test_readers_of_the_log_keep_their_place(api: ApiUnderTest, retain: Retaining) -> None:
    await done_job(api)
    page = (await api.http.get("/api/events?after=0", headers={"Accept": "application/json"})).json()

    await retain(jobs=AT_ONCE)
    code = await api.job("ada")

    later = await api.http.get(f"/api/events?after={page['next_cursor']}", headers={"Accept": "application/json"})
    assert [event["code"] for event in later.json()["data"]] == [code]


@pytest.mark.parametrize("kind", HoldKind)
async def test_a_legal_hold_stops_all_erasing(
    api: ApiUnderTest, retain: Retaining, database_dump: Dump, kind: HoldKind
) -> None:
    code = await done_job(api)
    name = code if kind is HoldKind.JOB else "ada"
    database = api.dependencies.database
    hold = await database.write(begin_hold, kind, name, reason="Case 17", by="test")
    await api.http.delete(f"/api/jobs/{code}")

    assert await retain(jobs=AT_ONCE, outputs=AT_ONCE) == 0
    assert f"{MARK}-metadata" in await database_dump()

    await database.write(end_hold, hold.code, by="test")
    assert await retain() == 1
    assert MARK not in await database_dump()


async def test_a_model_and_a_user_may_say_otherwise(api: ApiUnderTest, retain: Retaining) -> None:
    adas, bobs = await done_job(api, "ada"), await done_job(api, "bob")
    await api.dependencies.database.write(set_lifetimes, "bob", Lifetimes(jobs="forever"), by="test")

    assert await retain(jobs=AT_ONCE) == 1

    assert (await api.http.get(f"/api/jobs/{adas}")).status_code == 404
    assert (await api.http.get(f"/api/jobs/{bobs}")).status_code == 200


async def test_points_that_are_held_keep_their_job(api: ApiUnderTest, retain: Retaining) -> None:
    code = await api.job("ada")
    error = JobError(code="test", message="As the test wants it.", stage=Stage.PROCESSING)
    await api.dependencies.records.gate.advance(code, JobStatus.TIMEOUT, error=error, provider_may_charge=True)

    assert await retain(jobs=AT_ONCE) == 0
    assert (await api.http.get(f"/api/jobs/{code}")).status_code == 200


async def test_uploads_are_kept_until_no_job_needs_them(api: ApiUnderTest, retain: Retaining) -> None:
    unused, used, needed = [(await api.upload(PHOTO)).json()["code"] for _ in range(3)]
    done = await api.job("ada", params={"image": used})
    await api.push(done, JobStatus.FAILED)
    ended = await api.job("ada", params={"image": needed})
    await api.push(ended, JobStatus.FAILED)
    await api.job("ada", params={"image": needed})

    async def there() -> set[str]:
        found = [code for code in (unused, used, needed) if (await api.http.get(f"/api/files/{code}")).is_success]
        return set(found)

    await retain(uploads=AT_ONCE)
    assert await there() == {used, needed}
    await retain(inputs=timedelta(days=1))
    assert await there() == {used, needed}
    await retain(inputs=AT_ONCE)
    assert await there() == {needed}


async def test_inputs_do_not_outlive_the_jobs_that_named_them(
    api: ApiUnderTest, retain: Retaining, database_dump: Dump
) -> None:
    used = (await api.upload(PHOTO)).json()["code"]
    done = await api.job("ada", params={"image": used})
    await api.push(done, JobStatus.FAILED)

    await retain(jobs=AT_ONCE)

    assert used not in await database_dump()


async def test_a_photo_review_goes_with_its_job(api: ApiUnderTest, retain: Retaining, database_dump: Dump) -> None:
    name = f"{MARK}.jpg"
    sent = await api.http.post("/api/photo-reviews", files={"photo": (name, PHOTO)}, headers={"Aijobs-User": "ada"})
    review = sent.json()
    await api.push(review["job_code"], JobStatus.FAILED)

    def name_its_job(session: Session) -> JobRow:
        return session.exec(select(JobRow).where(col(JobRow.code) == review["job_code"])).one()

    job = await api.dependencies.database.read(name_its_job)
    assert job.model_id != UPSCALE
    await retain(jobs=AT_ONCE)
    assert (await api.http.get(f"/api/photo-reviews/{review['code']}")).status_code == 404
    await retain(jobs=AT_ONCE)

    dump = await database_dump()
    assert review["code"] not in dump
    assert MARK not in dump


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_review_says_so_when_its_beautified_photos_are_gone(
    api: ApiUnderTest, retain: Retaining, *, is_deleted: bool
) -> None:
    sent = await api.http.post("/api/photo-reviews", files={"photo": ("x.jpg", PHOTO)}, headers={"Aijobs-User": "ada"})
    review = sent.json()
    path, code = f"/api/photo-reviews/{review['code']}", await done_job(api)

    def beautified(session: Session) -> None:
        job = locked_job(session, code)
        job.photo_review_analysis_code = review["code"]
        row = session.exec(select(PhotoReviewRow)).one()
        row.beautify_image, row.beautify_job_code = True, code
        more: dict[str, Any] = {
            "original_url": None,
            "img_status": 4,
            "cost_time": 1.0,
            "model_id": UPSCALE,
            "model_name": "x",
        }
        of_job: dict[str, Any] = {"photo_review_analysis_code": row.code, "job_code": code, "user_id": "ada"}
        session.add(PhotoBeautifyRow(code="beautify_1", img_url="/x", **of_job, **more))

    await api.dependencies.database.write(beautified)
    before = (await api.http.get(path)).json()["beautify_image"]
    if is_deleted:
        (await api.http.delete(f"/api/jobs/{code}")).raise_for_status()
    else:
        await retain(outputs=AT_ONCE)

    assert (before, (await api.http.get(path)).json()["beautify_image"]) == (True, False)
