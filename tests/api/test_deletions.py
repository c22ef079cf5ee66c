"""Deleting: gone for its owner at once, refused while it lives, and still counted."""

import json
from datetime import timedelta
from pathlib import Path

from sqlmodel import Session, col, select

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.column_types import now
from aijobs.persistence.documents.rows import RowsOrigin, write_rows
from aijobs.persistence.jobs.throughput import throughput
from aijobs.persistence.points import audit
from aijobs.persistence.tables import FileRow, FileUseRow, JobRow
from tests.api.installation import UPSCALE, ApiUnderTest
from tests.api.templates import saved

PHOTO = (Path(__file__).parents[2] / "cli" / "samples" / "sample.jpg").read_bytes()
DONE = (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING)


async def done_job(api: ApiUnderTest, **more: object) -> str:
    code = await api.job("ada", **more)
    await api.push(code, *DONE)
    await api.keep_output(code, b"a picture")
    await api.push(code, JobStatus.SUCCESS)
    return code


async def test_a_deleted_job_is_gone_everywhere_at_once(api: ApiUnderTest) -> None:
    code, other = await done_job(api, metadata={"album": "holidays"}), await done_job(api)

    deleted = await api.http.delete(f"/api/jobs/{code}")
    again = await api.http.delete(f"/api/jobs/{code}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    for path in ("", "/events", "/outputs", "/outputs/0", "?expand=exchange"):
        assert (await api.http.get(f"/api/jobs/{code}{path}")).status_code == 404
    assert (await api.http.post(f"/api/jobs/{code}/rerun", json={"from": "start"})).status_code == 404
    listed = (await api.http.get("/api/jobs", params={"status": "SUCCESS"})).json()["data"]
    assert [job["code"] for job in listed] == [other]
    log = (await api.http.get("/api/events?after=0", headers={"Accept": "application/json"})).json()["data"]
    assert {event["code"] for event in log} == {other}


async def test_figures_go_on_counting_what_was_deleted(api: ApiUnderTest) -> None:
    code = await done_job(api)
    before = (await api.http.get("/api/points", headers={"Aijobs-User": "ada"})).json()
    await api.http.delete(f"/api/jobs/{code}")

    database = api.dependencies.database
    hours = await database.snapshot(throughput, until=now() + timedelta(minutes=1), count=2, user_id=None)
    assert sum(hour.succeeded for hour in hours) == 1
    assert (await api.http.get("/api/points", headers={"Aijobs-User": "ada"})).json() == before
    assert await database.snapshot(audit.violations) == []


async def test_a_job_lives_until_it_has_ended_and_its_points_are_decided(api: ApiUnderTest) -> None:
    running, held = await api.job("ada"), await api.job("ada")
    error = JobError(code="test", message="As the test wants it.", stage=Stage.PROCESSING)
    await api.dependencies.records.gate.advance(held, JobStatus.TIMEOUT, error=error, provider_may_charge=True)

    for code in (running, held):
        refused = await api.http.delete(f"/api/jobs/{code}")
        assert (refused.status_code, refused.json()["code"]) == (409, "still_in_use")
        assert code in refused.json()["detail"]
        assert (await api.http.get(f"/api/jobs/{code}")).status_code == 200


async def test_only_its_owner_deletes_a_job(api: ApiUnderTest) -> None:
    code = await done_job(api)

    eve, reader = await api.key_for("eve"), await api.key_for("ada", Scope.JOBS_READ)
    assert (await api.http.delete(f"/api/jobs/{code}", headers=eve)).status_code == 404
    assert (await api.http.delete(f"/api/jobs/{code}", headers=reader)).status_code == 403
    assert (await api.http.delete(f"/api/jobs/{code}", headers=await api.key_for("ada"))).status_code == 204


async def test_an_upload_lives_while_a_job_that_has_not_ended_names_it(api: ApiUnderTest) -> None:
    file = (await api.upload(PHOTO)).json()["code"]
    code = await api.job("ada", params={"image": file})

    refused = await api.http.delete(f"/api/files/{file}")
    await api.push(code, JobStatus.FAILED)
    deleted = await api.http.delete(f"/api/files/{file}")
    again = await api.submit("ada", params={"image": file})

    assert (refused.status_code, refused.json()["code"]) == (409, "still_in_use")
    assert code in refused.json()["detail"]
    assert deleted.status_code == 204
    assert (await api.http.get(f"/api/files/{file}")).status_code == 404
    assert again.status_code == 422


async def test_an_upload_lives_for_jobs_of_older_versions_and_items_of_batches_too(api: ApiUnderTest) -> None:
    old, waiting = [(await api.upload(PHOTO)).json()["code"] for _ in range(2)]
    await api.job("ada", params={"image": old})

    def forget_uses(session: Session) -> None:
        for use in session.exec(select(FileUseRow)):
            session.delete(use)

    await api.dependencies.database.write(forget_uses)
    order = {"model_id": UPSCALE, "rows": [{"params": {"image": waiting}}], "concurrency": 1, "user_id": "ada"}
    assert (await api.http.post("/api/batches", json=order)).status_code == 202

    for file in (old, waiting):
        refused = await api.http.delete(f"/api/files/{file}")
        assert (refused.status_code, refused.json()["code"]) == (409, "still_in_use"), file


async def test_what_only_looks_like_an_upload_is_no_use_of_one(api: ApiUnderTest) -> None:
    file = (await api.upload(PHOTO)).json()["code"]
    await api.job("ada", params={"image": file}, metadata={"note": "file_" + "x" * 200})

    def uses(session: Session) -> list[str]:
        return list(session.exec(select(FileUseRow.file_code)))

    assert await api.dependencies.database.read(uses) == [file]


async def test_a_photo_review_goes_with_its_photo_its_jobs_and_the_beautified_photos(api: ApiUnderTest) -> None:
    sent = await api.http.post("/api/photo-reviews", files={"photo": ("me.jpg", PHOTO)}, headers={"Aijobs-User": "ada"})
    review = sent.json()
    path = f"/api/photo-reviews/{review['code']}"

    refused = await api.http.delete(path)
    await api.push(review["job_code"], JobStatus.FAILED)
    deleted = await api.http.delete(path)

    assert (refused.status_code, refused.json()["code"]) == (409, "still_in_use")
    assert deleted.status_code == 204
    for gone in (path, f"{path}/photo", f"{path}/beautified", f"/api/jobs/{review['job_code']}"):
        assert (await api.http.get(gone)).status_code == 404, gone
    assert (await api.http.get("/api/photo-reviews")).json()["data"] == []

    def photos(session: Session) -> list[bool]:
        return list(session.exec(select(FileRow.deleted)))

    assert await api.dependencies.database.read(photos) == [True]


async def test_a_document_goes_with_its_rows_and_its_upload_unless_another_job_needs_that(api: ApiUnderTest) -> None:
    await saved(api, "contract")
    own, shared = [(await api.upload(PHOTO)).json()["code"] for _ in range(2)]
    code = await api.job("ada", params={"image": own})
    other = await api.job("ada", params={"image": shared})
    origin = RowsOrigin(template_id="contract", template_version=1, source=code, user_id="ada")

    def prepare(session: Session) -> None:
        write_rows(session, origin, [{"甲方": "Ada"}])
        job = session.exec(select(JobRow).where(col(JobRow.code) == code)).one()
        job.params = {"image": own, "more": [shared]}

    await api.dependencies.database.write(prepare)
    await api.push(code, JobStatus.FAILED)
    before = (await api.http.get("/api/templates/contract/rows")).json()["data"]

    deleted = await api.http.delete(f"/api/documents/{code}")

    assert deleted.status_code == 204
    assert len(before) == 1
    assert (await api.http.get("/api/templates/contract/rows")).json()["data"] == []
    assert (await api.http.get(f"/api/jobs/{other}")).status_code == 200
    assert (await api.http.get(f"/api/files/{own}")).status_code == 404
    assert (await api.http.get(f"/api/files/{shared}")).status_code == 200


async def test_streams_that_are_open_tell_nothing_more_of_a_deleted_job(api: ApiUnderTest) -> None:
    code = await done_job(api)
    await api.http.delete(f"/api/jobs/{code}")
    marker = await api.job("ada")

    async with api.http.stream("GET", "/api/events", headers={"Last-Event-ID": "0"}) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                assert json.loads(line.removeprefix("data: "))["code"] == marker
                break
