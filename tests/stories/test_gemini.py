"""Veo: an uploaded picture goes into the request even where it could be a link, and a lost answer is held."""

from aijobs.domain.lifecycle import JobStatus
from tests.stories.stack import PHOTO, VEO, StoryStack


async def test_a_picture_becomes_a_film_of_ours(public_stack: StoryStack) -> None:
    public_stack.sandbox.behave()
    image = await public_stack.upload(PHOTO.read_bytes())

    code = await public_stack.submit(model=VEO, params={"prompt": "waves", "image": image, "duration": 4})
    statuses = await public_stack.statuses(code)
    (output,) = (await public_stack.job(code))["outputs"]

    assert statuses[-1] == "SUCCESS"
    assert (output["media_type"], output["width"], output["height"]) == ("video/mp4", 1280, 720)


async def test_a_lost_answer_is_held_and_nothing_is_sent_again(public_stack: StoryStack) -> None:
    public_stack.sandbox.behave()
    public_stack.sandbox.misbehave("accept_then_drop", on="create")
    paid, used = public_stack.paid_submits(), await public_stack.points_used("ada")
    image = await public_stack.upload(PHOTO.read_bytes())

    code = await public_stack.submit(model=VEO, params={"prompt": "waves", "image": image})
    await public_stack.until(code, JobStatus.SUBMITTED)
    held = await public_stack.points_used("ada")
    await public_stack.api.post(f"/api/jobs/{code}/cancel", headers={"Aijobs-User": "ada"})
    events = await public_stack.events(code)

    assert any(event["detail"].get("outcome") == "unknown" for event in events)
    assert not any("sent" in event["detail"] for event in events)
    assert public_stack.paid_submits() == paid + 1
    assert held == used + 60
