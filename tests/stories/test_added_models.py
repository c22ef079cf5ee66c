"""A vendor's model is added while everything runs, and the worker, another process, knows it at its first job."""

from tests.stories.stack import StoryStack


async def test_a_model_that_was_added_makes_pictures_of_ours(stack: StoryStack) -> None:
    paid = stack.paid_submits()
    added = await stack.api.post("/api/models", json={"source": "replicate:black-forest-labs/flux-schnell"})
    job = await stack.api.post(
        "/api/jobs",
        json={
            "model_id": added.json()["model_id"],
            "params": {"prompt": "a lighthouse at dusk", "num_outputs": 2, "aspect_ratio": "3:2"},
            "user_id": "ada",
        },
    )

    code = job.json()["code"]
    statuses = await stack.statuses(code)
    outputs = (await stack.job(code))["outputs"]

    assert (statuses[0], statuses[-1]) == ("DRAFT", "SUCCESS")
    assert [(output["media_type"], output["width"] > output["height"]) for output in outputs] == [
        ("image/webp", True)
    ] * 2
    assert stack.paid_submits() == paid + 1
