"""From a review to a better photo: which of them may begin, one at a time, and what is left of one that fails."""

import asyncio
from typing import Any

from sqlmodel import Session, col, update

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.photo_reviews import DatabaseReviewStore
from aijobs.persistence.tables import PhotoReviewRow
from tests.api.installation import ApiUnderTest
from tests.api.pictures import picture
from tests.api.reviewed_photos import ADA, NOBODYS, an_analysis, beautify, hand_in, look_at, reviewed


async def test_before_the_review_is_done_nothing_can_be_beautified(photo_api: ApiUnderTest) -> None:
    review = (await hand_in(photo_api)).json()

    answer = await beautify(photo_api, review)

    assert (answer.status_code, answer.json()["code"]) == (409, "photo_cannot_be_beautified")
    assert "no review yet" in answer.json()["detail"]


async def test_a_review_whose_job_ends_badly_is_taken_back(photo_api: ApiUnderTest) -> None:
    review = (await hand_in(photo_api)).json()
    await photo_api.push(review["job_code"], JobStatus.PROCESSING)
    await DatabaseReviewStore(photo_api.dependencies.database).keep_analysis(review["job_code"], an_analysis())

    await photo_api.push(review["job_code"], JobStatus.CANCELED)

    found = await look_at(photo_api, review)
    assert (found["analysis"], found["beautify_ability"]) == (None, False)


async def test_a_review_that_is_done_outlives_a_rerun_that_ends_badly(photo_api: ApiUnderTest) -> None:
    review = await reviewed(photo_api)
    before = await look_at(photo_api, review)
    path = f"/api/jobs/{review['job_code']}/rerun"
    again = (await photo_api.http.post(path, json={"from": "start"}, headers=ADA)).json()["code"]
    await photo_api.push(again, JobStatus.PROCESSING)
    await DatabaseReviewStore(photo_api.dependencies.database).keep_analysis(again, an_analysis())

    await photo_api.push(again, JobStatus.GENERATED, JobStatus.FAILED)
    after = await look_at(photo_api, review)

    assert before["analysis"] is not None
    assert (after["analysis"], after["job_code"]) == (before["analysis"], before["job_code"])


async def test_of_many_at_once_one_begins(photo_api: ApiUnderTest) -> None:
    review = await reviewed(photo_api)

    answers = await asyncio.gather(*(beautify(photo_api, review) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
    assert (await photo_api.http.get("/api/points", headers=ADA)).json()["used"] == 1 + 2


async def test_a_job_that_only_names_the_review_changes_nothing(photo_api: ApiUnderTest) -> None:
    review = await reviewed(photo_api)
    code = await photo_api.job(photo_review_analysis_code=review["code"], params={"image": review["file_code"]})

    await photo_api.push(code, JobStatus.SUBMITTED, JobStatus.FAILED)
    found = await look_at(photo_api, review)

    assert (found["beautify_image"], found["beautify_job_code"]) == (False, None)
    assert (await photo_api.http.get(f"/api/jobs/{code}")).json()["error"]["message"] == "As the test wants it."


async def test_a_job_may_name_only_a_review_of_its_user(photo_api: ApiUnderTest) -> None:
    mine, gone, another = (
        (await hand_in(photo_api)).json(),
        (await hand_in(photo_api)).json(),
        (await hand_in(photo_api, user="bob")),
    )

    def work(session: Session) -> None:
        deleted = update(PhotoReviewRow).where(col(PhotoReviewRow.code) == gone["code"]).values(deleted=True)
        session.exec(deleted)

    await photo_api.dependencies.database.write(work)

    taken = await photo_api.submit("ada", photo_review_analysis_code=mine["code"])
    refused = [
        await photo_api.submit("ada", photo_review_analysis_code=code)
        for code in (NOBODYS, gone["code"], another.json()["code"], "", "review_x")
    ]

    assert taken.status_code == 202
    assert {answer.status_code for answer in refused} == {422}
    for answer in refused:
        (error,) = answer.json()["errors"]
        assert error["pointer"] == "/photo_review_analysis_code"


async def test_what_was_beautified_before_stays_when_the_next_one_fails(photo_api: ApiUnderTest) -> None:
    review = await reviewed(photo_api)
    first = (await beautify(photo_api, review)).json()["code"]
    await photo_api.push(first, JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING)
    await photo_api.keep_output(first, picture())
    before_the_end = await look_at(photo_api, review, "/beautified")
    await photo_api.push(first, JobStatus.SUCCESS)
    second = (await beautify(photo_api, review)).json()["code"]

    error = JobError(code="output_refused", message="Gone.", stage=Stage.MIGRATE)
    await photo_api.push(second, JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING)
    await photo_api.dependencies.records.gate.advance(second, JobStatus.FAILED, error=error)

    assert before_the_end["data"] == []
    (row,) = (await look_at(photo_api, review, "/beautified"))["data"]
    assert (row["job_code"], row["original_url"]) == (first, "https://replicate.delivery/out.png")
    assert (await look_at(photo_api, review))["beautify_image"] is True
    error = (await photo_api.http.get(f"/api/jobs/{second}")).json()["error"]
    assert error == {"code": "output_refused", "message": "迁移照片过程失败,已返还每日积分 (Gone.)", "stage": "migrate"}


async def test_a_body_that_is_wrong_names_its_fields(photo_api: ApiUnderTest) -> None:
    review = await reviewed(photo_api)

    bodies: list[tuple[dict[str, Any], str]] = [
        ({"output_count": 2}, "/output_count"),
        ({"output_count": 0}, "/output_count"),
        ({"params": {"upscale_factor": 3}}, "/params/upscale_factor"),
        ({"params": {"enhance_model": "Best"}}, "/params/enhance_model"),
        ({"params": {"image": "https://example.com/other.jpg"}}, "/params/image"),
        ({"model_id": "photoReview_analysis_v1"}, "/model_id"),
        ({"photo": 1}, "/photo"),
    ]
    for body, pointer in bodies:
        answer = await beautify(photo_api, review, **body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), body
