"""What the tests of photo reviews do: hand in a photo, complete its review, have it beautified."""

from typing import Any, Final

from aijobs.adapters.media.photo_measures import measured, opened_copy
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.photos import Analysis
from aijobs.generators.photo_scores import measured_analysis
from aijobs.persistence.photo_reviews import DatabaseReviewStore
from tests.api.installation import UPSCALE, ApiUnderTest
from tests.api.pictures import picture

ADA: Final = {"Aijobs-User": "ada"}
NOBODYS: Final = "review_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"


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
