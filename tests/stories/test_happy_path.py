"""Photo in, upscaled photo in our own store, live progress on the way."""

import hashlib
import io

from PIL import Image

from tests.patience import http_client
from tests.stories.stack import PHOTO, StoryStack

EVERY_STATUS = ["DRAFT", "SUBMITTED", "QUEUED", "PROCESSING", "GENERATED", "MIGRATING", "SUCCESS"]


async def test_a_photo_goes_through_every_status_to_success(stack: StoryStack) -> None:
    stack.sandbox.misbehave("queue_seconds", arg="3")
    stack.sandbox.misbehave("work_seconds", arg="3")
    code = await stack.submit(params={"upscale_factor": 2, "output_format": "png"})

    events = await stack.events(code)

    assert [event["job_status_name"] for event in events if event["kind"] == "status"] == EVERY_STATUS
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    overall = [event["overall_progress"] for event in events]
    assert overall == sorted(overall)
    assert overall[-1] == 100


async def test_the_output_is_ours_checked_and_really_larger(stack: StoryStack) -> None:
    code = await stack.submit(params={"upscale_factor": 2, "output_format": "png"})
    await stack.events(code)

    (output,) = (await stack.job(code))["outputs"]

    async with http_client() as http:
        photo = (await http.get(output["url"])).raise_for_status().content
    with Image.open(PHOTO) as before, Image.open(io.BytesIO(photo)) as after:
        assert after.size == (before.width * 2, before.height * 2) == (output["width"], output["height"])
    assert output["sha256"] == hashlib.sha256(photo).hexdigest()
    assert output["size"] == len(photo)
    assert output["media_type"] == "image/png"


async def test_unit_progress_is_shown_while_the_provider_works(stack: StoryStack) -> None:
    stack.sandbox.misbehave("work_seconds", arg="3")
    code = await stack.submit()

    events = await stack.events(code)

    shown = [event for event in events if event["kind"] == "progress" and event["job_status_name"] == "PROCESSING"]
    assert len(shown) >= 2
    assert all(0 < event["unit_progress"] <= 100 and 50 < event["overall_progress"] <= 66.67 for event in shown)


async def test_one_job_is_one_paid_submit_and_one_settled_reservation(stack: StoryStack) -> None:
    paid_before = stack.paid_submits()

    code = await stack.submit(user="grace")
    await stack.events(code, user="grace")

    assert stack.paid_submits() == paid_before + 1
    assert await stack.points_used("grace") == 2


async def test_a_link_of_ones_own_is_upscaled_as_well(stack: StoryStack) -> None:
    uploaded = await stack.upload(PHOTO.read_bytes())
    public_photo = await stack.submit(params={"image": uploaded})
    await stack.events(public_photo)
    link = (await stack.job(public_photo))["outputs"][0]["url"]

    code = await stack.submit(params={"image": link})

    assert (await stack.statuses(code))[-1] == "SUCCESS"
