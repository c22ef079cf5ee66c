"""Photo reviews: what is accepted and refused, and who sees what. Without a worker."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlmodel import Session, select

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.photos import REVIEW_MODEL
from aijobs.domain.values.scopes import Scope
from aijobs.persistence.tables import FileRow, PhotoReviewRow, WriteIntentRow
from aijobs.settings import SHIPPED_CATALOGUE
from api.dependencies import ApiDependencies
from tests.api.installation import UPSCALE, ApiUnderTest, opened_installation
from tests.api.pictures import bomb, picture
from tests.api.reviewed_photos import ADA, NOBODYS, hand_in, reviewed
from workflows.client import TemporalJobEngine


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
