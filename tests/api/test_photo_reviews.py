"""Photo reviews: what is accepted and refused, and who sees what. Without a worker."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image
from sqlmodel import Session, col, select, update

from aijobs.adapters.media.photo_measures import measured, opened_copy
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.photos import REVIEW_MODEL, Analysis
from aijobs.domain.values.scopes import Scope
from aijobs.generators.photo_scores import measured_analysis
from aijobs.persistence.photo_reviews import DatabaseReviewStore
from aijobs.persistence.tables import FileRow, PhotoReviewRow, WriteIntentRow
from aijobs.settings import SHIPPED_CATALOGUE
from api.dependencies import ApiDependencies
from tests.api.installation import UPSCALE, ApiUnderTest, opened_installation
from tests.api.pictures import bomb, picture
from workflows.client import TemporalJobEngine

ADA: Final = {"Aijobs-User": "ada"}
NOBODYS: Final = "review_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"


@pytest.fixture
async def photo_api(dependencies: ApiDependencies, key: str, engine: TemporalJobEngine) -> AsyncIterator[ApiUnderTest]:
    """An API without a chat model: photos are only measured."""
    async with opened_installation(replace(dependencies, engine=engine), key) as installation:
        yield installation


async def hand_in(photo_api: ApiUnderTest, content: bytes = b"", *, user: str = "ada", key: str = "") -> Any:
    files = {"photo": ("me.jpg", content or picture(320, 240))}
    headers = {"Aijobs-User": user, **({"Idempotency-Key": key} if key else {})}
    return await photo_api.http.post("/api/photo-reviews", files=files, headers=headers)


async def reviewed(photo_api: ApiUnderTest, *, user: str = "ada") -> dict[str, Any]:
    """Complete a review as a worker would."""
    answer = await hand_in(photo_api, user=user)
    assert answer.status_code == 202, answer.text
    review: dict[str, Any] = answer.json()
    await photo_api.push(review["job_code"], JobStatus.PROCESSING)
    await DatabaseReviewStore(photo_api.dependencies.database).keep_analysis(review["job_code"], an_analysis())
    await photo_api.push(review["job_code"], JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)
    return review


def an_analysis() -> Analysis:
    return measured_analysis(measured(*opened_copy(picture(320, 240))))


async def look_at(photo_api: ApiUnderTest, review: dict[str, Any], path: str = "") -> Any:
    headers = {"Aijobs-User": review["user_id"]}
    return (await photo_api.http.get(f"/api/photo-reviews/{review['code']}{path}", headers=headers)).json()


async def beautify(photo_api: ApiUnderTest, review: dict[str, Any], **more: Any) -> Any:
    body = {"model_id": UPSCALE, **more}
    headers = {"Aijobs-User": review["user_id"]}
    return await photo_api.http.post(f"/api/photo-reviews/{review['code']}/beautify", json=body, headers=headers)


def as_kind(kind: str, **options: Any) -> bytes:
    kept, noise = io.BytesIO(), Image.effect_noise((64, 48), 40).convert("RGB")
    noise.save(kept, kind, **options)
    return kept.getvalue()


async def test_a_photo_is_taken_with_its_job(photo_api: ApiUnderTest) -> None:
    answer = await hand_in(photo_api, as_kind("WEBP"))
    review = answer.json()
    job = (await photo_api.http.get(f"/api/jobs/{review['job_code']}")).json()

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/photo-reviews/{review['code']}"
    assert (review["width"], review["height"], review["analysis"]) == (64, 48, None)
    assert (review["beautify_ability"], review["beautify_image"]) == (False, False)
    assert job["photo_review_analysis_code"] == review["code"]
    assert job["model_id"] == "photoReview_analysis_v1"


async def test_reviews_end_with_the_sunset_of_their_model(
    dependencies: ApiDependencies, key: str, engine: TemporalJobEngine
) -> None:
    over = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), f"[models.{REVIEW_MODEL}]\nsunset = 2026-01-01")
    async with opened_installation(replace(dependencies, engine=engine, catalogue=over), key) as installation:
        refused = await hand_in(installation)

    assert (refused.status_code, refused.json()["code"]) == (422, "model_retired")


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
    photo_api: ApiUnderTest, content: bytes, status: int, code: str
) -> None:
    answer = await hand_in(photo_api, content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await kept(photo_api) == (0, 0, 0)


async def kept(photo_api: ApiUnderTest) -> tuple[int, int, int]:
    """The numbers of reviews, uploads, and write intents."""

    def work(session: Session) -> tuple[int, int, int]:
        reviews, files = session.exec(select(PhotoReviewRow)), session.exec(select(FileRow))
        return len(list(reviews)), len(list(files)), len(list(session.exec(select(WriteIntentRow))))

    return await photo_api.dependencies.database.read(work)


async def test_an_empty_form_and_other_bodies_are_refused(photo_api: ApiUnderTest) -> None:
    url = "/api/photo-reviews"
    empty = await photo_api.http.post(url, files={"other": b"x"}, headers=ADA)
    plain = await photo_api.http.post(url, content=b"x", headers={**ADA, "Content-Type": "text/plain"})
    broken = await photo_api.http.post(url, content=b"{", headers={**ADA, "Content-Type": "application/json"})
    missing = await photo_api.http.post(url, json={}, headers=ADA)
    unknown = await photo_api.http.post(url, json={"file": "file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"}, headers=ADA)
    long = await photo_api.http.post(url, json={"file": "x" * 20_000}, headers=ADA)

    assert (empty.status_code, empty.json()["errors"][0]["pointer"]) == (422, "/photo")
    assert (plain.status_code, broken.status_code, long.status_code) == (415, 400, 413)
    assert missing.json()["errors"][0]["pointer"] == "/file"
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/file")


async def test_a_document_that_was_uploaded_is_no_photo(photo_api: ApiUnderTest) -> None:
    file = (await photo_api.upload(b"words", name="words.txt")).json()["code"]

    answer = await photo_api.http.post("/api/photo-reviews", json={"file": file}, headers=ADA)

    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_file")


async def test_somebody_elses_upload_is_not_there(photo_api: ApiUnderTest) -> None:
    file = (await photo_api.upload(picture(), user="bo")).json()["code"]

    answer = await photo_api.http.post("/api/photo-reviews", json={"file": file}, headers=ADA)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/file")


async def test_a_repetition_gets_the_first_answer_with_a_fresh_link(photo_api: ApiUnderTest) -> None:
    photo = picture(320, 240)
    first, again = [await hand_in(photo_api, photo, key="once") for _ in range(2)]
    other = await hand_in(photo_api, key="once")

    assert again.json()["code"] == first.json()["code"]
    assert (await photo_api.http.get("/api/points", headers=ADA)).json()["used"] == 1
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert await kept(photo_api) == (1, 1, 0)


async def test_without_points_nothing_is_kept(photo_api: ApiUnderTest, tmp_path: Path) -> None:
    poor = replace(photo_api.dependencies, daily_limit=0)
    async with opened_installation(
        poor, photo_api.http.headers["Authorization"].removeprefix("Bearer ")
    ) as installation:
        answer = await hand_in(installation)

    assert (answer.status_code, answer.json()["code"]) == (402, "points_exhausted")
    assert await kept(photo_api) == (0, 0, 0)
    assert list((tmp_path / "store").rglob("*.jpg")) == []


async def test_each_sees_only_his_own(photo_api: ApiUnderTest) -> None:
    review = await reviewed(photo_api)
    mine, others = await photo_api.key_for("ada"), await photo_api.key_for("bo")

    for path in ("", "/photo", "/beautified"):
        url = f"/api/photo-reviews/{review['code']}{path}"
        assert (await photo_api.http.get(url, headers=mine)).status_code in {200, 307}
        assert (await photo_api.http.get(url, headers=others)).status_code == 404
    foreign = await photo_api.http.post(
        f"/api/photo-reviews/{review['code']}/beautify", json={"model_id": UPSCALE}, headers=others
    )
    assert foreign.status_code == 404
    assert (await photo_api.http.get("/api/photo-reviews", headers=others)).json()["data"] == []
    assert (await photo_api.http.get("/api/photo-reviews/nonsense")).status_code == 404
    assert (await photo_api.http.get(f"/api/photo-reviews/{NOBODYS}")).status_code == 404


async def test_reading_is_not_enough_to_hand_in(photo_api: ApiUnderTest) -> None:
    for scopes in ((Scope.JOBS_READ,), (Scope.JOBS_READ, Scope.JOBS_WRITE)):
        key = await photo_api.key_for("ada", *scopes)
        answer = await photo_api.http.post("/api/photo-reviews", files={"photo": picture()}, headers=key)
        assert answer.status_code == 403


async def test_reviews_come_in_pages_newest_first(photo_api: ApiUnderTest) -> None:
    codes = [(await hand_in(photo_api)).json()["code"] for _ in range(3)]

    first = (await photo_api.http.get("/api/photo-reviews", params={"limit": 2}, headers=ADA)).json()
    rest = await photo_api.http.get("/api/photo-reviews", params={"cursor": first["next_cursor"]}, headers=ADA)
    lost = await photo_api.http.get("/api/photo-reviews", params={"cursor": "review_x"}, headers=ADA)

    listed = [review["code"] for review in (*first["data"], *rest.json()["data"])]
    assert listed == list(reversed(codes))
    assert (first["has_more"], rest.json()["has_more"], lost.status_code) == (True, False, 422)


async def test_the_photo_is_a_redirect_to_a_signed_link(photo_api: ApiUnderTest) -> None:
    review = (await hand_in(photo_api)).json()

    answer = await photo_api.http.get(f"/api/photo-reviews/{review['code']}/photo")

    assert answer.status_code == 307
    assert "signature=" in answer.headers["Location"]


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
