"""What somebody still needs is not erased, and what is erased is not done again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from aijobs.domain.errors import CannotRerun
from aijobs.domain.jobs.job import JobError, JobRequest, RerunFrom, Stage
from aijobs.domain.jobs.retention import HoldKind, Lifetimes, RetentionPolicy, RetentionSettings
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.access.idempotency import KEPT_FOR, IdempotencyClaim, Receipt, claim, first_receipt, settle
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.points import audit
from aijobs.persistence.retention import due_files, leftovers
from aijobs.persistence.retention.holds import begin_hold
from aijobs.persistence.retention.retention import DatabaseRetention
from aijobs.persistence.retention.rules import set_lifetimes
from aijobs.persistence.tables import BatchItemRow, FileRow, IdempotencyRow, JobRow
from tests.api.installation import UPSCALE, ApiUnderTest
from tests.retention.conftest import AT_ONCE, Retaining

Dump = Callable[[], Awaitable[str]]

PHOTO = (Path(__file__).parents[2] / "cli" / "samples" / "sample.jpg").read_bytes()
ERROR = JobError(code="test", message="As the test wants it.", stage=Stage.PROCESSING)


async def review_of_ada(api: ApiUnderTest) -> dict[str, Any]:
    sent = await api.http.post(
        "/api/photo-reviews", files={"photo": ("photo.jpg", PHOTO)}, headers={"Aijobs-User": "ada"}
    )
    return dict(sent.raise_for_status().json())


@pytest.mark.parametrize("need", ["origin", "rerun_of", "photo_review_analysis_code"])
@pytest.mark.parametrize("is_deleted", [False, True])
async def test_a_job_that_another_needs_stays_until_that_has_ended(
    api: ApiUnderTest, retain: Retaining, *, need: str, is_deleted: bool
) -> None:
    review = await review_of_ada(api)
    needed: str = review["job_code"]
    await api.push(needed, JobStatus.FAILED)
    needing = await api.job("ada")

    def need_it(session: Session) -> None:
        row = locked_job(session, needing)
        setattr(row, need, review["code"] if need == "photo_review_analysis_code" else needed)
        row.rerun_from = RerunFrom.MIGRATION if need == "rerun_of" else None

    def let_go(session: Session) -> int:
        return session.exec(select(JobRow.let_go).where(col(JobRow.code) == needed)).one()

    await api.dependencies.database.write(need_it)
    if is_deleted:
        (await api.http.delete(f"/api/jobs/{needed}")).raise_for_status()
    settings = {} if is_deleted else {"jobs": AT_ONCE}

    await retain(**settings)
    while_it_is_needed = await api.dependencies.database.read(let_go)
    await api.push(needing, JobStatus.FAILED)
    await retain(**settings)

    assert while_it_is_needed == 0
    assert await api.dependencies.database.read(let_go) > 0


async def test_the_photo_of_a_review_stays_while_a_job_names_it(api: ApiUnderTest, retain: Retaining) -> None:
    review = await review_of_ada(api)
    await api.push(review["job_code"], JobStatus.FAILED)

    def photo(session: Session) -> str:
        return session.exec(select(FileRow.code)).one()

    file = await api.dependencies.database.read(photo)
    naming = await api.job("ada", params={"image": file})
    await retain(jobs=AT_ONCE)
    await retain(jobs=AT_ONCE)

    assert (await api.http.get(f"/api/photo-reviews/{review['code']}")).status_code == 404
    assert (await api.http.get(f"/api/files/{file}")).status_code == 200
    await api.push(naming, JobStatus.FAILED)
    await retain(jobs=AT_ONCE)
    await retain(jobs=AT_ONCE)
    assert (await api.http.get(f"/api/files/{file}")).status_code == 404


async def test_items_of_a_batch_whose_parameters_are_erased_are_not_run_again(
    api: ApiUnderTest, retain: Retaining
) -> None:
    app = api.dependencies
    rows = [{"params": {"image": f"https://example.com/{number}.jpg"}} for number in range(2)]
    body = {"model_id": UPSCALE, "rows": rows, "user_id": "ada", "concurrency": 2}
    code = (await api.http.post("/api/batches", json=body)).raise_for_status().json()["code"]
    feed = DatabaseBatchFeed(app.database, app.catalogue, daily_limit=100)
    erased, kept = [brief.code for brief in (await feed.step(code)).accepted]
    await api.push(erased, JobStatus.FAILED)
    await api.push(kept, JobStatus.FAILED)
    await feed.step(code)
    (await api.http.delete(f"/api/jobs/{erased}")).raise_for_status()
    await retain()

    (await api.http.post(f"/api/batches/{code}/rerun")).raise_for_status()
    (again,) = (await feed.step(code)).accepted

    def repeated(session: Session) -> str | None:
        return session.exec(select(JobRow.rerun_of).where(col(JobRow.code) == again.code)).one()

    assert await app.database.read(repeated) == kept
    await api.push(again.code, JobStatus.FAILED)
    await feed.step(code)
    (await api.http.delete(f"/api/jobs/{again.code}")).raise_for_status()
    await retain()
    refused = await api.http.post(f"/api/batches/{code}/rerun")
    assert (refused.status_code, refused.json()["code"]) == (409, CannotRerun.code)
    assert "erased" in refused.json()["detail"]
    assert await app.database.snapshot(audit.violations) == []


async def test_nor_are_those_of_a_user_who_is_erased(api: ApiUnderTest, retain: Retaining) -> None:
    app = api.dependencies
    rows = [{"params": {"image": "https://example.com/1.jpg"}, "user_id": user} for user in ("ada", "bo")]
    body = {"model_id": UPSCALE, "rows": rows, "concurrency": 1}
    code = (await api.http.post("/api/batches", json=body)).raise_for_status().json()["code"]
    (await api.http.post(f"/api/batches/{code}/cancel")).raise_for_status()
    feed = DatabaseBatchFeed(app.database, app.catalogue, daily_limit=100)
    await feed.step(code)
    (await api.http.delete("/api/users/ada")).raise_for_status()
    await retain()

    (await api.http.post(f"/api/batches/{code}/rerun")).raise_for_status()

    def waiting(session: Session) -> list[str]:
        return list(session.exec(select(BatchItemRow.user_id).where(col(BatchItemRow.job_status).is_(None))))

    assert await app.database.read(waiting) == ["bo"]


async def test_a_job_without_a_price_is_erased_although_its_provider_may_charge(
    api: ApiUnderTest, retain: Retaining, database_dump: Dump
) -> None:
    app, user = api.dependencies, "someone-to-erase"
    model = app.catalogue.model(UPSCALE).model_copy(update={"unit_point": 0})
    request = JobRequest(model_id=UPSCALE, params={"image": "https://example.com/1.jpg"})
    order = Acceptance(
        user_id=user, request=request, model=model, params=request.params, created_by="test", daily_limit=100
    )
    codes = [(await app.database.write(accept, order)).code for _ in range(2)]
    for code in codes:
        await app.records.gate.advance(code, JobStatus.TIMEOUT, error=ERROR, provider_may_charge=True)
    deleted = await api.http.delete(f"/api/jobs/{codes[0]}")
    requested = (await api.http.delete(f"/api/users/{user}")).raise_for_status().json()

    await retain()

    assert deleted.status_code == 204
    state = (await api.http.get(f"/api/erasures/{requested['code']}")).json()
    assert (state["status"], state["counts"]["jobs"]) == ("DONE", 2)
    assert user not in await database_dump()
    assert await app.database.snapshot(audit.violations) == []


async def test_an_answer_that_comes_after_a_job_is_erased_is_not_kept(
    api: ApiUnderTest, retain: Retaining, database_dump: Dump
) -> None:
    code, late = await api.job("ada"), api.dependencies.records.late_outcomes
    await api.push(code, JobStatus.FAILED)
    await retain(jobs=AT_ONCE)

    await late.record(code, JobStatus.GENERATED, {"answer": "planted-mark"})

    assert "planted-mark" not in await database_dump()


async def test_idempotency_keys_of_others_outlive_an_erasure(api: ApiUnderTest, retain: Retaining) -> None:
    """Whose ids end as the erased user's does, or differ from it in capitals alone."""
    key = {"Idempotency-Key": "order-17"}
    users = ("bo", "a:bo", "BO")
    first = {user: (await api.submit(user, headers=key)).raise_for_status().json()["code"] for user in users}
    await api.push(first["bo"], JobStatus.FAILED)
    (await api.http.delete("/api/users/bo")).raise_for_status()
    await retain()

    again = {user: (await api.submit(user, headers=key)).raise_for_status().json()["code"] for user in users}

    assert {user for user in users if again[user] == first[user]} == {"a:bo", "BO"}


async def test_an_expired_key_that_is_used_anew_meanwhile_stays(api: ApiUnderTest) -> None:
    database = api.dependencies.database

    def use(session: Session, request: IdempotencyClaim) -> None:
        assert claim(session, request) is None
        settle(session, request, Receipt(code="job_1", answer={"body": {"code": "job_1"}}))

    def age(session: Session) -> None:
        session.exec(select(IdempotencyRow)).one().create_time = now() - KEPT_FOR - timedelta(minutes=1)

    await database.write(use, IdempotencyClaim(owner="key:ada", key="order 17", request_sha256="x"))
    await database.write(age)
    (found,) = await database.read(leftovers.expired, RetentionSettings())
    fresh = IdempotencyClaim(owner="key:ada", key="order 17", request_sha256="x")
    await database.write(use, fresh)

    assert await database.write(leftovers.forget_expired, found) == 0
    assert await database.read(first_receipt, fresh) is not None


async def test_an_upload_stays_while_a_batch_may_still_name_it(api: ApiUnderTest, retain: Retaining) -> None:
    file = (await api.upload(PHOTO)).json()["code"]
    body = {"model_id": UPSCALE, "rows": [{"params": {"image": file}}], "user_id": "ada", "concurrency": 1}
    code = (await api.http.post("/api/batches", json=body)).raise_for_status().json()["code"]

    def there(session: Session) -> list[str]:
        return list(session.exec(select(FileRow.code)))

    await retain(uploads=AT_ONCE, inputs=AT_ONCE)
    assert await api.dependencies.database.read(there) == [file]

    (await api.http.post(f"/api/batches/{code}/cancel")).raise_for_status()
    await DatabaseBatchFeed(api.dependencies.database, api.dependencies.catalogue, daily_limit=100).step(code)
    await retain(uploads=AT_ONCE, inputs=AT_ONCE)
    assert await api.dependencies.database.read(there) == []


async def test_a_hold_that_begins_while_all_jobs_are_walked_along_is_heard(api: ApiUnderTest) -> None:
    app, users = api.dependencies, ("ada", "bo")
    for user in users:
        await api.push(await api.job(user), JobStatus.FAILED)
    await app.database.write(set_lifetimes, "bo", Lifetimes(exchanges=AT_ONCE), by="test")  # in a portion of its own
    settings = RetentionSettings(events=AT_ONCE, walk_every=timedelta(0))
    seen = []

    async for portion in DatabaseRetention(app.database, app.catalogue, settings).due(histories_kept=timedelta(1)):
        seen.append(portion.what)
        for user in users:
            await app.database.write(begin_hold, HoldKind.USER, user, reason="Case 17", by="test")

    assert seen == ["old_jobs"]


async def test_one_that_begins_during_the_erasure_of_its_user_stops_that(api: ApiUnderTest) -> None:
    app = api.dependencies
    await api.push(await api.job("ada"), JobStatus.FAILED)
    (await api.upload(PHOTO)).raise_for_status()
    requested = (await api.http.delete("/api/users/ada")).raise_for_status().json()
    seen = []

    retention = DatabaseRetention(app.database, app.catalogue, RetentionSettings())
    async for portion in retention.due(histories_kept=timedelta(1)):
        await portion.commit()
        seen.append(portion.what)
        if len(seen) == 1:
            await app.database.write(begin_hold, HoldKind.USER, "ada", reason="Case 17", by="test")

    assert seen == ["jobs"]
    assert (await api.http.get(f"/api/erasures/{requested['code']}")).json()["status"] != "DONE"


async def test_an_upload_that_a_job_names_after_it_was_seen_stays(api: ApiUnderTest) -> None:
    app = api.dependencies
    named, unused = [(await api.upload(PHOTO)).json()["code"] for _ in range(2)]
    policy = RetentionPolicy(settings=RetentionSettings(uploads=AT_ONCE))
    await asyncio.sleep(AT_ONCE.total_seconds())
    seen = (await app.database.read(due_files.walk_on, policy, 0)).due
    await api.job("ada", params={"image": named})

    due = await app.database.read(due_files.still_due, policy, seen)

    assert ({file.code for file in seen}, [file.code for file in due]) == ({named, unused}, [unused])
