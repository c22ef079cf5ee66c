"""Photo reviews at the API: what is taken, what is refused, and who sees what. Nobody works on the jobs here."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image
from sqlmodel import col, select, update

from aijobs.adapters.media.photo_measures import measured, opened_copy
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.photos import Analysis
from aijobs.generators.photo_scores import measured_analysis
from aijobs.persistence.access.keys import Scope
from aijobs.persistence.photo_reviews import DatabaseReviewStore
from aijobs.persistence.tables import FileRow, PhotoReviewRow, WriteIntentRow
from api.dependencies import ApiDependencies
from tests.api.installation import UPSCALE, ApiUnderTest, opened_installation
from tests.api.pictures import bomb, picture
from workflows.client import TemporalJobEngine

ADA: Final = {"Aijobs-User": "ada"}
NOBODYS: Final = "review_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"


@pytest.fixture
async def desk(dependencies: ApiDependencies, key: str, engine: TemporalJobEngine) -> AsyncIterator[ApiUnderTest]:
    """With nothing but measuring."""
    async with opened_installation(replace(dependencies, engine=engine), key) as installation:
        yield installation


async def hand_in(desk: ApiUnderTest, content: bytes = b"", *, user: str = "ada", key: str = "") -> Any:
    files = {"photo": ("me.jpg", content or picture(320, 240))}
    headers = {"Aijobs-User": user, **({"Idempotency-Key": key} if key else {})}
    return await desk.http.post("/api/photo-reviews", files=files, headers=headers)


async def reviewed(desk: ApiUnderTest, *, user: str = "ada") -> dict[str, Any]:
    """A review that a worker would have done."""
    answer = await hand_in(desk, user=user)
    assert answer.status_code == 202, answer.text
    review: dict[str, Any] = answer.json()
    await desk.push(review["job_code"], JobStatus.PROCESSING)
    await DatabaseReviewStore(desk.dependencies.database).keep_analysis(review["job_code"], an_analysis())
    await desk.push(review["job_code"], JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)
    return review


def an_analysis() -> Analysis:
    return measured_analysis(measured(*opened_copy(picture(320, 240))))


async def look_at(desk: ApiUnderTest, review: dict[str, Any], path: str = "") -> Any:
    headers = {"Aijobs-User": review["user_id"]}
    return (await desk.http.get(f"/api/photo-reviews/{review['code']}{path}", headers=headers)).json()


async def beautify(desk: ApiUnderTest, review: dict[str, Any], **more: Any) -> Any:
    body = {"model_id": UPSCALE, **more}
    headers = {"Aijobs-User": review["user_id"]}
    return await desk.http.post(f"/api/photo-reviews/{review['code']}/beautify", json=body, headers=headers)


def as_kind(kind: str, **options: Any) -> bytes:
    kept, noise = io.BytesIO(), Image.effect_noise((64, 48), 40).convert("RGB")
    noise.save(kept, kind, **options)
    return kept.getvalue()


async def test_a_photo_is_taken_with_its_job(desk: ApiUnderTest) -> None:
    answer = await hand_in(desk, as_kind("WEBP"))
    review = answer.json()
    job = (await desk.http.get(f"/api/jobs/{review['job_code']}")).json()

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/photo-reviews/{review['code']}"
    assert (review["width"], review["height"], review["analysis"]) == (64, 48, None)
    assert (review["beautify_ability"], review["beautify_image"]) == (False, False)
    assert job["photo_review_analysis_code"] == review["code"]
    assert job["model_id"] == "photoReview_analysis_v1"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (as_kind("GIF"), 422, "unreadable_file"),
        (as_kind("TIFF"), 422, "unreadable_file"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 422, "unreadable_file"),
        (b"<script>alert(1)</script>", 422, "unreadable_file"),
        (picture(1, 1), 422, "unreadable_file"),
        (picture(640, 480)[:5000], 422, "unreadable_file"),
        (as_kind("WEBP", save_all=True, append_images=[Image.new("RGB", (64, 48))]), 422, "unreadable_file"),
        (bomb(), 413, "file_too_large"),
        (picture(64, 48) + b"\0" * 300_000, 413, "file_too_large"),
        (b"%PDF-1.7", 422, "unreadable_file"),
    ],
    ids=["gif", "tiff", "svg", "html", "a pixel", "cut off", "moves", "bomb", "too long", "pdf"],
)
async def test_what_is_no_photo_is_refused_and_nothing_is_kept(
    desk: ApiUnderTest, content: bytes, status: int, code: str
) -> None:
    answer = await hand_in(desk, content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await kept(desk) == (0, 0, 0)


async def kept(desk: ApiUnderTest) -> tuple[int, int, int]:
    """Reviews, uploads, and objects that are on their way."""
    async with desk.dependencies.database.read() as session:
        reviews, files = await session.exec(select(PhotoReviewRow)), await session.exec(select(FileRow))
        return len(list(reviews)), len(list(files)), len(list(await session.exec(select(WriteIntentRow))))


async def test_an_empty_form_and_other_bodies_are_refused(desk: ApiUnderTest) -> None:
    url = "/api/photo-reviews"
    empty = await desk.http.post(url, files={"other": b"x"}, headers=ADA)
    plain = await desk.http.post(url, content=b"x", headers={**ADA, "Content-Type": "text/plain"})
    broken = await desk.http.post(url, content=b"{", headers={**ADA, "Content-Type": "application/json"})
    missing = await desk.http.post(url, json={}, headers=ADA)
    unknown = await desk.http.post(url, json={"file": "file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"}, headers=ADA)
    long = await desk.http.post(url, json={"file": "x" * 20_000}, headers=ADA)

    assert (empty.status_code, empty.json()["errors"][0]["pointer"]) == (422, "/photo")
    assert (plain.status_code, broken.status_code, long.status_code) == (415, 400, 413)
    assert missing.json()["errors"][0]["pointer"] == "/file"
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/file")


async def test_a_document_that_was_uploaded_is_no_photo(desk: ApiUnderTest) -> None:
    file = (await desk.upload(b"words", name="words.txt")).json()["code"]

    answer = await desk.http.post("/api/photo-reviews", json={"file": file}, headers=ADA)

    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_file")


async def test_somebody_elses_upload_is_not_there(desk: ApiUnderTest) -> None:
    file = (await desk.upload(picture(), user="bo")).json()["code"]

    answer = await desk.http.post("/api/photo-reviews", json={"file": file}, headers=ADA)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/file")


async def test_a_repetition_gets_the_first_answer_with_a_fresh_link(desk: ApiUnderTest) -> None:
    photo = picture(320, 240)
    first, again = [await hand_in(desk, photo, key="once") for _ in range(2)]
    other = await hand_in(desk, key="once")

    assert again.json()["code"] == first.json()["code"]
    assert (await desk.http.get("/api/points", headers=ADA)).json()["used"] == 1
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert await kept(desk) == (1, 1, 0)


async def test_without_points_nothing_is_kept(desk: ApiUnderTest, tmp_path: Path) -> None:
    poor = replace(desk.dependencies, daily_limit=0)
    async with opened_installation(poor, desk.http.headers["Authorization"].removeprefix("Bearer ")) as installation:
        answer = await hand_in(installation)

    assert (answer.status_code, answer.json()["code"]) == (402, "points_exhausted")
    assert await kept(desk) == (0, 0, 0)
    assert list((tmp_path / "store").rglob("*.jpg")) == []


async def test_each_sees_only_his_own(desk: ApiUnderTest) -> None:
    review = await reviewed(desk)
    mine, others = await desk.key_for("ada"), await desk.key_for("bo")

    for path in ("", "/photo", "/beautified"):
        url = f"/api/photo-reviews/{review['code']}{path}"
        assert (await desk.http.get(url, headers=mine)).status_code in {200, 307}
        assert (await desk.http.get(url, headers=others)).status_code == 404
    foreign = await desk.http.post(
        f"/api/photo-reviews/{review['code']}/beautify", json={"model_id": UPSCALE}, headers=others
    )
    assert foreign.status_code == 404
    assert (await desk.http.get("/api/photo-reviews", headers=others)).json()["data"] == []
    assert (await desk.http.get("/api/photo-reviews/nonsense")).status_code == 404
    assert (await desk.http.get(f"/api/photo-reviews/{NOBODYS}")).status_code == 404


async def test_reading_is_not_enough_to_hand_in(desk: ApiUnderTest) -> None:
    for scopes in ((Scope.JOBS_READ,), (Scope.JOBS_READ, Scope.JOBS_WRITE)):
        key = await desk.key_for("ada", *scopes)
        answer = await desk.http.post("/api/photo-reviews", files={"photo": picture()}, headers=key)
        assert answer.status_code == 403


async def test_reviews_come_in_pages_newest_first(desk: ApiUnderTest) -> None:
    codes = [(await hand_in(desk)).json()["code"] for _ in range(3)]

    first = (await desk.http.get("/api/photo-reviews", params={"limit": 2}, headers=ADA)).json()
    rest = await desk.http.get("/api/photo-reviews", params={"cursor": first["next_cursor"]}, headers=ADA)
    lost = await desk.http.get("/api/photo-reviews", params={"cursor": "review_x"}, headers=ADA)

    listed = [review["code"] for review in (*first["data"], *rest.json()["data"])]
    assert listed == list(reversed(codes))
    assert (first["has_more"], rest.json()["has_more"], lost.status_code) == (True, False, 422)


async def test_the_photo_is_a_redirect_to_a_signed_link(desk: ApiUnderTest) -> None:
    review = (await hand_in(desk)).json()

    answer = await desk.http.get(f"/api/photo-reviews/{review['code']}/photo")

    assert answer.status_code == 307
    assert "signature=" in answer.headers["Location"]


async def test_before_the_review_is_done_nothing_can_be_beautified(desk: ApiUnderTest) -> None:
    review = (await hand_in(desk)).json()

    answer = await beautify(desk, review)

    assert (answer.status_code, answer.json()["code"]) == (409, "photo_cannot_be_beautified")
    assert "no review yet" in answer.json()["detail"]


async def test_a_review_whose_job_ends_badly_is_taken_back(desk: ApiUnderTest) -> None:
    review = (await hand_in(desk)).json()
    await desk.push(review["job_code"], JobStatus.PROCESSING)
    await DatabaseReviewStore(desk.dependencies.database).keep_analysis(review["job_code"], an_analysis())

    await desk.push(review["job_code"], JobStatus.CANCELED)

    found = await look_at(desk, review)
    assert (found["analysis"], found["beautify_ability"]) == (None, False)


async def test_a_review_that_is_done_outlives_a_rerun_that_ends_badly(desk: ApiUnderTest) -> None:
    review = await reviewed(desk)
    before = await look_at(desk, review)
    path = f"/api/jobs/{review['job_code']}/rerun"
    again = (await desk.http.post(path, json={"from": "start"}, headers=ADA)).json()["code"]
    await desk.push(again, JobStatus.PROCESSING)
    await DatabaseReviewStore(desk.dependencies.database).keep_analysis(again, an_analysis())

    await desk.push(again, JobStatus.GENERATED, JobStatus.FAILED)
    after = await look_at(desk, review)

    assert before["analysis"] is not None
    assert (after["analysis"], after["job_code"]) == (before["analysis"], before["job_code"])


async def test_of_many_at_once_one_begins(desk: ApiUnderTest) -> None:
    review = await reviewed(desk)

    answers = await asyncio.gather(*(beautify(desk, review) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
    assert (await desk.http.get("/api/points", headers=ADA)).json()["used"] == 1 + 2


async def test_a_job_that_only_names_the_review_changes_nothing(desk: ApiUnderTest) -> None:
    review = await reviewed(desk)
    code = await desk.job(photo_review_analysis_code=review["code"], params={"image": review["file_code"]})

    await desk.push(code, JobStatus.SUBMITTED, JobStatus.FAILED)
    found = await look_at(desk, review)

    assert (found["beautify_image"], found["beautify_job_code"]) == (False, None)
    assert (await desk.http.get(f"/api/jobs/{code}")).json()["error"]["message"] == "As the test wants it."


async def test_a_job_may_name_only_a_review_of_its_user(desk: ApiUnderTest) -> None:
    mine, gone, another = (await hand_in(desk)).json(), (await hand_in(desk)).json(), (await hand_in(desk, user="bob"))
    async with desk.dependencies.database.write() as session:
        deleted = update(PhotoReviewRow).where(col(PhotoReviewRow.code) == gone["code"]).values(deleted=True)
        await session.exec(deleted)

    taken = await desk.submit("ada", photo_review_analysis_code=mine["code"])
    refused = [
        await desk.submit("ada", photo_review_analysis_code=code)
        for code in (NOBODYS, gone["code"], another.json()["code"], "", "review_x")
    ]

    assert taken.status_code == 202
    assert {answer.status_code for answer in refused} == {422}
    for answer in refused:
        (error,) = answer.json()["errors"]
        assert error["pointer"] == "/photo_review_analysis_code"


async def test_what_was_beautified_before_stays_when_the_next_one_fails(desk: ApiUnderTest) -> None:
    review = await reviewed(desk)
    first = (await beautify(desk, review)).json()["code"]
    await desk.push(first, JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING)
    await desk.keep_output(first, picture())
    before_the_end = await look_at(desk, review, "/beautified")
    await desk.push(first, JobStatus.SUCCESS)
    second = (await beautify(desk, review)).json()["code"]

    error = JobError(code="output_refused", message="Gone.", stage=Stage.MIGRATE)
    await desk.push(second, JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING)
    await desk.dependencies.records.gate.advance(second, JobStatus.FAILED, error=error)

    assert before_the_end["data"] == []
    (row,) = (await look_at(desk, review, "/beautified"))["data"]
    assert (row["job_code"], row["original_url"]) == (first, "https://replicate.delivery/out.png")
    assert (await look_at(desk, review))["beautify_image"] is True
    told = (await desk.http.get(f"/api/jobs/{second}")).json()["error"]
    assert told == {"code": "output_refused", "message": "迁移照片过程失败,已返还每日积分 (Gone.)", "stage": "migrate"}


async def test_a_body_that_is_wrong_names_its_fields(desk: ApiUnderTest) -> None:
    review = await reviewed(desk)

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
        answer = await beautify(desk, review, **body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), body
