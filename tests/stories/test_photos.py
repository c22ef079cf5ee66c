"""Photo reviews over the whole stack: upload, review, beautify, and what stays of it when that fails."""

import io
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from PIL import Image

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import opened_database
from aijobs.persistence.tables import PointsLimitRow
from tests.stories.stack import MIDJOURNEY, PHOTO, UPSCALE, StoryStack, running_stack

ADA: Final = {"Aijobs-User": "ada"}
GPS: Final = 0x8825
ORIENTATION: Final = 0x0112


@pytest.fixture(scope="module")
async def studio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("photos"), public=True) as stack:
        yield stack


@pytest.fixture
def desk(studio: StoryStack) -> StoryStack:
    studio.sandbox.behave()
    return studio


async def hand_in(stack: StoryStack, content: bytes = PHOTO.read_bytes(), *, user: str = "ada") -> dict[str, Any]:
    answer = await stack.api.post(
        "/api/photo-reviews", files={"photo": ("me.jpg", content)}, headers={"Aijobs-User": user}
    )
    assert answer.status_code == 202, answer.text
    review: dict[str, Any] = answer.json()
    return review


async def look_at(stack: StoryStack, code: str, path: str = "", *, user: str = "ada") -> Any:
    answer = await stack.api.get(f"/api/photo-reviews/{code}{path}", headers={"Aijobs-User": user})
    answer.raise_for_status()
    return answer.json()


async def reviewed(stack: StoryStack, *, user: str = "ada") -> dict[str, Any]:
    """A review that is done."""
    review = await hand_in(stack, user=user)
    assert (await stack.statuses(review["job_code"], user=user))[-1] == "SUCCESS"
    found: dict[str, Any] = await look_at(stack, review["code"], user=user)
    return found


async def beautify(
    stack: StoryStack, code: str, *, user: str = "ada", key: str = "", model: str = UPSCALE, **more: Any
) -> httpx.Response:
    headers = {"Aijobs-User": user, **({"Idempotency-Key": key} if key else {})}
    return await stack.api.post(
        f"/api/photo-reviews/{code}/beautify", json={"model_id": model, **more}, headers=headers
    )


def from_a_camera() -> bytes:
    """Lying on its side, with the place where it was taken."""
    kept, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION], exif[GPS] = 6, {1: "N", 2: (31.0, 13.0, 48.0)}
    with Image.open(PHOTO) as photo:
        photo.save(kept, "JPEG", exif=exif, comment=b"taken at home")
    return kept.getvalue()


async def picture_at(stack: StoryStack, url: str) -> Image.Image:
    answer = await stack.api.get(url)
    answer.raise_for_status()
    return Image.open(io.BytesIO(answer.content))


async def test_a_photo_is_reviewed_and_beautified(desk: StoryStack) -> None:
    review = await reviewed(desk)
    accepted = (await beautify(desk, review["code"], params={"upscale_factor": 4})).json()
    while_it_runs = await look_at(desk, review["code"])
    statuses = await desk.statuses(accepted["code"])
    (row,) = (await look_at(desk, review["code"], "/beautified"))["data"]
    detail = await look_at(desk, review["code"])
    before, after = await picture_at(desk, row["ori_img_url"]), await picture_at(desk, row["img_url"])

    analysis = review["analysis"]
    assert analysis["method"] == "model"
    assert analysis["scores"].keys() == {"composition", "light", "focus", "colour"}
    assert all(0 <= score <= 100 for score in analysis["scores"].values())
    assert all(aspect["comment"]["zh"] and aspect["comment"]["en"] for aspect in analysis["aspects"].values())
    assert (review["beautify_ability"], review["beautify_image"]) == (True, False)
    assert accepted["photo_review_analysis_code"] == review["code"]
    assert while_it_runs["beautify_image"] is True
    assert statuses[-1] == "SUCCESS"
    assert (row["job_code"], row["img_status"], row["sort"]) == (accepted["code"], 4, 0)
    assert row["photo_review_analysis_code"] == review["code"]
    assert row["model_name"] == "ImageUpscale"
    assert row["cost_time"] > 0
    assert row["original_url"].startswith(desk.sandbox.url)
    assert after.size == (4 * before.width, 4 * before.height)
    assert (detail["beautify_image"], detail["beautify_job_code"]) == (True, accepted["code"])
    assert [job["code"] for job in detail["jobs"]] == [accepted["code"], review["job_code"]]


async def test_what_is_published_is_upright_and_says_nothing_of_its_owner(desk: StoryStack) -> None:
    review = await hand_in(desk, from_a_camera())

    published = (await desk.api.get(review["ori_img_url"])).content
    with Image.open(io.BytesIO(published)) as photo, Image.open(PHOTO) as sample:
        assert photo.size == (review["width"], review["height"]) == (sample.height, sample.width)
        assert dict(photo.getexif()) == {}
        assert "comment" not in photo.info
    assert b"taken at home" not in published


async def test_an_upload_may_be_named(desk: StoryStack) -> None:
    file = await desk.upload(from_a_camera())

    answer = await desk.api.post("/api/photo-reviews", json={"file": file}, headers=ADA)
    review = answer.json()

    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/photo-reviews/{review['code']}"
    assert review["file_code"] != file
    assert (await desk.statuses(review["job_code"]))[-1] == "SUCCESS"


async def test_when_beautifying_fails_the_points_and_the_photo_are_as_before(desk: StoryStack) -> None:
    review = await reviewed(desk, user="lee")
    used = await desk.points_used("lee")
    desk.sandbox.misbehave("failed")

    job_code = (await beautify(desk, review["code"], user="lee")).json()["code"]
    events = await desk.events(job_code, user="lee")
    job = await desk.job(job_code, user="lee")

    assert job["job_status_name"] == "FAILED"
    assert job["error"]["message"].startswith("生成照片过程失败,已返还每日积分")
    assert events[-1]["detail"]["error"] == job["error"]
    assert await desk.points_used("lee") == used
    after = await look_at(desk, review["code"], user="lee")
    assert (after["beautify_image"], after["beautify_ability"]) == (False, True)
    assert (await look_at(desk, review["code"], "/beautified", user="lee"))["data"] == []


async def test_when_moving_the_pictures_fails_the_owner_reads_so(desk: StoryStack) -> None:
    review = await reviewed(desk, user="mei")
    used = await desk.points_used("mei")
    desk.sandbox.misbehave("expired_link", times=0)

    job_code = (await beautify(desk, review["code"], user="mei")).json()["code"]
    statuses = await desk.statuses(job_code, user="mei")
    job = await desk.job(job_code, user="mei")

    assert statuses[-2:] == ["MIGRATING", "FAILED"]
    assert job["error"]["message"].startswith("迁移照片过程失败,已返还每日积分")
    assert await desk.points_used("mei") == used
    assert (await look_at(desk, review["code"], user="mei"))["beautify_image"] is False

    desk.sandbox.behave()
    again = await desk.api.post(
        f"/api/jobs/{job_code}/rerun", json={"from": "migration"}, headers={"Aijobs-User": "mei"}
    )
    moved = again.json()["code"]
    assert (await desk.statuses(moved, user="mei"))[-1] == "SUCCESS"
    (row,) = (await look_at(desk, review["code"], "/beautified", user="mei"))["data"]
    assert row["job_code"] == moved
    assert await desk.points_used("mei") == used


async def test_a_canceled_job_can_be_run_again_in_its_place(desk: StoryStack) -> None:
    review = await reviewed(desk, user="kim")
    first = (await beautify(desk, review["code"], user="kim")).json()["code"]
    await desk.api.post(f"/api/jobs/{first}/cancel", headers={"Aijobs-User": "kim"})
    assert (await desk.statuses(first, user="kim"))[-1] == "CANCELED"
    message = (await desk.job(first, user="kim"))["error"]["message"]
    idle = await look_at(desk, review["code"], user="kim")

    again = await desk.api.post(f"/api/jobs/{first}/rerun", json={"from": "start"}, headers={"Aijobs-User": "kim"})
    second = again.json()["code"]
    at_work = await look_at(desk, review["code"], user="kim")
    assert (await desk.statuses(second, user="kim"))[-1] == "SUCCESS"
    (row,) = (await look_at(desk, review["code"], "/beautified", user="kim"))["data"]

    assert message.startswith("照片美化已取消,已返还每日积分")
    assert idle["beautify_image"] is False
    assert (at_work["beautify_image"], at_work["beautify_job_code"]) == (True, second)
    assert row["job_code"] == second


async def test_points_that_are_held_are_not_said_to_be_given_back(desk: StoryStack) -> None:
    review = await reviewed(desk, user="noor")
    desk.sandbox.misbehave("drop_before_accept", times=0)

    job_code = (await beautify(desk, review["code"], user="noor", model="hasty_queue")).json()["code"]
    await desk.until(job_code, JobStatus.TIMEOUT, user="noor")

    message = (await desk.job(job_code, user="noor"))["error"]["message"]
    assert message.startswith("生成照片过程超时,每日积分待确认")
    assert (await look_at(desk, review["code"], user="noor"))["beautify_image"] is False


async def test_midjourney_takes_the_photo_too_and_each_of_its_pictures_is_a_row(desk: StoryStack) -> None:
    review = await reviewed(desk)

    params = {"prompt": "the same photo, at first light"}
    accepted = await beautify(desk, review["code"], model=MIDJOURNEY, params=params)
    assert accepted.status_code == 202, accepted.text
    statuses = await desk.statuses(accepted.json()["code"])
    rows = (await look_at(desk, review["code"], "/beautified"))["data"]

    assert statuses[-1] == "SUCCESS"
    assert [row["sort"] for row in rows] == [0, 1, 2, 3, 4]


async def test_a_worker_that_is_killed_leaves_neither_two_rows_nor_two_charges(desk: StoryStack) -> None:
    desk.sandbox.misbehave("work_seconds", arg="2")
    review = await reviewed(desk, user="sol")
    job_code = (await beautify(desk, review["code"], user="sol")).json()["code"]
    await desk.until(job_code, JobStatus.PROCESSING, user="sol")

    await desk.kill("worker")
    await desk.start("worker")
    statuses = await desk.statuses(job_code, user="sol")

    assert statuses[-1] == "SUCCESS"
    (row,) = (await look_at(desk, review["code"], "/beautified", user="sol"))["data"]
    assert row["job_code"] == job_code
    assert await desk.points_used("sol") == 1 + 2


async def test_what_stands_against_it_is_told_in_order(desk: StoryStack) -> None:
    def problem(answer: httpx.Response) -> tuple[int, str]:
        return answer.status_code, answer.json()["code"]

    await _limit_points("poor", 1, desk)  # enough for the review alone
    review = await reviewed(desk, user="poor")
    flat = io.BytesIO()
    Image.new("RGB", (300, 200), "grey").save(flat, "PNG")
    even = await hand_in(desk, flat.getvalue())
    await desk.statuses(even["job_code"])

    foreign = await beautify(desk, review["code"], user="ada", model="nobody_knows_v1")
    unable = await beautify(desk, even["code"], model="nobody_knows_v1")
    unknown = await beautify(desk, review["code"], user="poor", model="nobody_knows_v1")
    unfit = await beautify(desk, review["code"], user="poor", model="document_extract_v1")
    wrong = await beautify(desk, review["code"], user="poor", params={"upscale_factor": 3})
    own = await beautify(desk, review["code"], user="poor", params={"image": review["file_code"]})
    too_dear = await beautify(desk, review["code"], user="poor")

    assert problem(foreign) == (404, "not_found")
    assert problem(unable) == (409, "photo_cannot_be_beautified")
    assert problem(unknown) == (422, "unknown_model")
    assert problem(unfit) == (422, "model_cannot_beautify")
    assert unfit.json()["errors"][0]["pointer"] == "/model_id"
    assert problem(wrong) == (422, "invalid_parameters")
    assert own.json()["errors"][0]["pointer"] == "/params/image"
    assert problem(too_dear) == (402, "points_exhausted")
    assert (await look_at(desk, review["code"], user="poor"))["beautify_image"] is False


async def test_one_job_at_a_time_and_a_repetition_gets_the_first_answer(desk: StoryStack) -> None:
    review = await reviewed(desk, user="ray")
    desk.sandbox.misbehave("work_seconds", arg="3")

    first = await beautify(desk, review["code"], user="ray", key="once")
    again = await beautify(desk, review["code"], user="ray", key="once")
    other = await beautify(desk, review["code"], user="ray", key="twice")
    await desk.statuses(first.json()["code"], user="ray")
    later = await beautify(desk, review["code"], user="ray", key="twice")

    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (409, "photo_is_being_beautified")
    assert later.status_code == 202


async def _limit_points(user: str, limit: int, stack: StoryStack) -> None:
    """As `aijobs points limit` does it."""
    async with (
        opened_database(f"sqlite:///{stack.environment['AIJOBS_DATA_DIR']}/aijobs.db") as database,
        database.write() as session,
    ):
        session.add(PointsLimitRow(user_id=user, daily_limit=limit))
