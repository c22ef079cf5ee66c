"""Photo reviews over the whole stack: upload, review, beautify, and the state after a failure."""

import io
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from PIL import Image

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import opened_database
from aijobs.persistence.points.ledger import set_limit
from tests.stories.stack import MIDJOURNEY, PHOTO, UPSCALE, StoryStack, running_stack

ADA: Final = {"Aijobs-User": "ada"}
GPS: Final = 0x8825
ORIENTATION: Final = 0x0112


@pytest.fixture(scope="module")
async def public_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("photos"), public=True) as stack:
        yield stack


@pytest.fixture
def stack(public_stack: StoryStack) -> StoryStack:
    public_stack.sandbox.behave()
    return public_stack


async def upload_photo(stack: StoryStack, content: bytes = PHOTO.read_bytes(), *, user: str = "ada") -> dict[str, Any]:
    response = await stack.api.post(
        "/api/photo-reviews", files={"photo": ("me.jpg", content)}, headers={"Aijobs-User": user}
    )
    assert response.status_code == 202, response.text
    review: dict[str, Any] = response.json()
    return review


async def get_review(stack: StoryStack, code: str, path: str = "", *, user: str = "ada") -> Any:
    response = await stack.api.get(f"/api/photo-reviews/{code}{path}", headers={"Aijobs-User": user})
    response.raise_for_status()
    return response.json()


async def create_review(stack: StoryStack, *, user: str = "ada") -> dict[str, Any]:
    """Upload a photo and wait until its review is done."""
    review = await upload_photo(stack, user=user)
    assert (await stack.statuses(review["job_code"], user=user))[-1] == "SUCCESS"
    found: dict[str, Any] = await get_review(stack, review["code"], user=user)
    return found


async def beautify(
    stack: StoryStack, code: str, *, user: str = "ada", key: str = "", model: str = UPSCALE, **fields: Any
) -> httpx.Response:
    headers = {"Aijobs-User": user, **({"Idempotency-Key": key} if key else {})}
    return await stack.api.post(
        f"/api/photo-reviews/{code}/beautify", json={"model_id": model, **fields}, headers=headers
    )


def camera_photo() -> bytes:
    """A photo with EXIF data: rotated, with GPS position."""
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION], exif[GPS] = 6, {1: "N", 2: (31.0, 13.0, 48.0)}
    with Image.open(PHOTO) as photo:
        photo.save(buffer, "JPEG", exif=exif, comment=b"taken at home")
    return buffer.getvalue()


async def picture_at(stack: StoryStack, url: str) -> Image.Image:
    response = await stack.api.get(url)
    response.raise_for_status()
    return Image.open(io.BytesIO(response.content))


async def test_a_photo_is_reviewed_and_beautified(stack: StoryStack) -> None:
    review = await create_review(stack)
    accepted = (await beautify(stack, review["code"], params={"upscale_factor": 4})).json()
    while_it_runs = await get_review(stack, review["code"])
    statuses = await stack.statuses(accepted["code"])
    (row,) = (await get_review(stack, review["code"], "/beautified"))["data"]
    detail = await get_review(stack, review["code"])
    before, after = await picture_at(stack, row["ori_img_url"]), await picture_at(stack, row["img_url"])

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
    assert row["original_url"].startswith(stack.sandbox.url)
    assert after.size == (4 * before.width, 4 * before.height)
    assert (detail["beautify_image"], detail["beautify_job_code"]) == (True, accepted["code"])
    assert [job["code"] for job in detail["jobs"]] == [accepted["code"], review["job_code"]]


async def test_what_is_published_is_upright_and_says_nothing_of_its_owner(stack: StoryStack) -> None:
    review = await upload_photo(stack, camera_photo())

    published = (await stack.api.get(review["ori_img_url"])).content
    with Image.open(io.BytesIO(published)) as photo, Image.open(PHOTO) as sample:
        assert photo.size == (review["width"], review["height"]) == (sample.height, sample.width)
        assert dict(photo.getexif()) == {}
        assert "comment" not in photo.info
    assert b"taken at home" not in published


async def test_an_upload_may_be_named(stack: StoryStack) -> None:
    file = await stack.upload(camera_photo())

    response = await stack.api.post("/api/photo-reviews", json={"file": file}, headers=ADA)
    review = response.json()

    assert response.status_code == 202
    assert response.headers["Location"] == f"/api/photo-reviews/{review['code']}"
    assert review["file_code"] != file
    assert (await stack.statuses(review["job_code"]))[-1] == "SUCCESS"


async def test_when_beautifying_fails_the_points_and_the_photo_are_as_before(stack: StoryStack) -> None:
    review = await create_review(stack, user="lee")
    used = await stack.points_used("lee")
    stack.sandbox.misbehave("failed")

    job_code = (await beautify(stack, review["code"], user="lee")).json()["code"]
    events = await stack.events(job_code, user="lee")
    job = await stack.job(job_code, user="lee")

    assert job["job_status_name"] == "FAILED"
    assert job["error"]["message"].startswith("生成照片过程失败,已返还每日积分")
    assert events[-1]["detail"]["error"] == job["error"]
    assert await stack.points_used("lee") == used
    after = await get_review(stack, review["code"], user="lee")
    assert (after["beautify_image"], after["beautify_ability"]) == (False, True)
    assert (await get_review(stack, review["code"], "/beautified", user="lee"))["data"] == []


async def test_when_moving_the_pictures_fails_the_owner_reads_so(stack: StoryStack) -> None:
    review = await create_review(stack, user="mei")
    used = await stack.points_used("mei")
    stack.sandbox.misbehave("expired_link", times=0)

    job_code = (await beautify(stack, review["code"], user="mei")).json()["code"]
    statuses = await stack.statuses(job_code, user="mei")
    job = await stack.job(job_code, user="mei")

    assert statuses[-2:] == ["MIGRATING", "FAILED"]
    assert job["error"]["message"].startswith("迁移照片过程失败,已返还每日积分")
    assert await stack.points_used("mei") == used
    assert (await get_review(stack, review["code"], user="mei"))["beautify_image"] is False

    stack.sandbox.behave()
    again = await stack.api.post(
        f"/api/jobs/{job_code}/rerun", json={"from": "migration"}, headers={"Aijobs-User": "mei"}
    )
    moved = again.json()["code"]
    assert (await stack.statuses(moved, user="mei"))[-1] == "SUCCESS"
    (row,) = (await get_review(stack, review["code"], "/beautified", user="mei"))["data"]
    assert row["job_code"] == moved
    assert await stack.points_used("mei") == used


async def test_a_canceled_job_can_be_run_again_in_its_place(stack: StoryStack) -> None:
    review = await create_review(stack, user="kim")
    first = (await beautify(stack, review["code"], user="kim")).json()["code"]
    await stack.api.post(f"/api/jobs/{first}/cancel", headers={"Aijobs-User": "kim"})
    assert (await stack.statuses(first, user="kim"))[-1] == "CANCELED"
    message = (await stack.job(first, user="kim"))["error"]["message"]
    after_cancel = await get_review(stack, review["code"], user="kim")

    again = await stack.api.post(f"/api/jobs/{first}/rerun", json={"from": "start"}, headers={"Aijobs-User": "kim"})
    second = again.json()["code"]
    after_rerun = await get_review(stack, review["code"], user="kim")
    assert (await stack.statuses(second, user="kim"))[-1] == "SUCCESS"
    (row,) = (await get_review(stack, review["code"], "/beautified", user="kim"))["data"]

    assert message.startswith("照片美化已取消,已返还每日积分")
    assert after_cancel["beautify_image"] is False
    assert (after_rerun["beautify_image"], after_rerun["beautify_job_code"]) == (True, second)
    assert row["job_code"] == second


async def test_points_that_are_held_are_not_said_to_be_given_back(stack: StoryStack) -> None:
    review = await create_review(stack, user="noor")
    stack.sandbox.misbehave("drop_before_accept", times=0)

    job_code = (await beautify(stack, review["code"], user="noor", model="hasty_queue")).json()["code"]
    await stack.until(job_code, JobStatus.TIMEOUT, user="noor")

    message = (await stack.job(job_code, user="noor"))["error"]["message"]
    assert message.startswith("生成照片过程超时,每日积分待确认")
    assert (await get_review(stack, review["code"], user="noor"))["beautify_image"] is False


async def test_midjourney_takes_the_photo_too_and_each_of_its_pictures_is_a_row(stack: StoryStack) -> None:
    review = await create_review(stack)

    params = {"prompt": "the same photo, at first light"}
    accepted = await beautify(stack, review["code"], model=MIDJOURNEY, params=params)
    assert accepted.status_code == 202, accepted.text
    statuses = await stack.statuses(accepted.json()["code"])
    rows = (await get_review(stack, review["code"], "/beautified"))["data"]

    assert statuses[-1] == "SUCCESS"
    assert [row["sort"] for row in rows] == [0, 1, 2, 3, 4]


async def test_a_worker_that_is_killed_leaves_neither_two_rows_nor_two_charges(stack: StoryStack) -> None:
    stack.sandbox.misbehave("work_seconds", arg="2")
    review = await create_review(stack, user="sol")
    job_code = (await beautify(stack, review["code"], user="sol")).json()["code"]
    await stack.until(job_code, JobStatus.PROCESSING, user="sol")

    await stack.kill("worker")
    await stack.start("worker")
    statuses = await stack.statuses(job_code, user="sol")

    assert statuses[-1] == "SUCCESS"
    (row,) = (await get_review(stack, review["code"], "/beautified", user="sol"))["data"]
    assert row["job_code"] == job_code
    assert await stack.points_used("sol") == 1 + 2


async def test_what_stands_against_it_is_told_in_order(stack: StoryStack) -> None:
    def problem(response: httpx.Response) -> tuple[int, str]:
        return response.status_code, response.json()["code"]

    await _limit_points("poor", 1, stack)  # enough for the review alone
    review = await create_review(stack, user="poor")
    flat = io.BytesIO()
    Image.new("RGB", (300, 200), "grey").save(flat, "PNG")
    grey_photo = await upload_photo(stack, flat.getvalue())
    await stack.statuses(grey_photo["job_code"])

    foreign = await beautify(stack, review["code"], user="ada", model="nobody_knows_v1")
    unable = await beautify(stack, grey_photo["code"], model="nobody_knows_v1")
    unknown = await beautify(stack, review["code"], user="poor", model="nobody_knows_v1")
    unfit = await beautify(stack, review["code"], user="poor", model="document_extract_v1")
    wrong = await beautify(stack, review["code"], user="poor", params={"upscale_factor": 3})
    own = await beautify(stack, review["code"], user="poor", params={"image": review["file_code"]})
    too_dear = await beautify(stack, review["code"], user="poor")

    assert problem(foreign) == (404, "not_found")
    assert problem(unable) == (409, "photo_cannot_be_beautified")
    assert problem(unknown) == (422, "unknown_model")
    assert problem(unfit) == (422, "model_cannot_beautify")
    assert unfit.json()["errors"][0]["pointer"] == "/model_id"
    assert problem(wrong) == (422, "invalid_parameters")
    assert own.json()["errors"][0]["pointer"] == "/params/image"
    assert problem(too_dear) == (402, "points_exhausted")
    assert (await get_review(stack, review["code"], user="poor"))["beautify_image"] is False


async def test_one_job_at_a_time_and_a_repetition_gets_the_first_answer(stack: StoryStack) -> None:
    review = await create_review(stack, user="ray")
    stack.sandbox.misbehave("work_seconds", arg="3")

    first = await beautify(stack, review["code"], user="ray", key="once")
    again = await beautify(stack, review["code"], user="ray", key="once")
    other = await beautify(stack, review["code"], user="ray", key="twice")
    await stack.statuses(first.json()["code"], user="ray")
    later = await beautify(stack, review["code"], user="ray", key="twice")

    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (409, "photo_is_being_beautified")
    assert later.status_code == 202


async def _limit_points(user: str, limit: int, stack: StoryStack) -> None:
    """As `aijobs points limit` does it."""
    async with opened_database(f"sqlite:///{stack.environment['AIJOBS_DATA_DIR']}/aijobs.db") as database:
        await database.write(set_limit, user, limit)
