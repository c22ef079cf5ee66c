"""The documents of photo reviews, and what is sent to have one. Their shapes are relied on outside."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import Field

from aijobs.domain.jobs.events import Moment
from aijobs.domain.photos import Analysis
from aijobs.persistence.tables import OutputRow, PhotoBeautifyRow, PhotoReviewRow
from aijobs.usecases.review_photo import ReviewRequest
from api.schemas.jobs import Job, Shape
from api.schemas.links import SignedLinks

PHOTO: Final = "photo"  #: the form's field


class PhotoReview(Shape):
    """A photo and its review. `ori_img_url` is a signed link to the published copy, and expires.

    `beautify_image` is true while a job beautifies the photo, and when there are beautified photos.
    """

    code: str = Field(examples=["review_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"])
    user_id: str
    job_code: str = Field(description="the job that reviews")
    file_code: str = Field(description="the published copy, as a job's parameter may name it")
    name: str
    ori_img_url: str
    width: int
    height: int
    beautify_ability: bool
    beautify_image: bool
    beautify_job_code: str | None = Field(description="the last job that beautifies")
    analysis: Analysis | None = Field(description="absent until the photo is reviewed")
    create_time: Moment
    update_time: Moment


class PhotoReviewWithJobs(PhotoReview):
    """...and the jobs that name it, newest first."""

    jobs: list[Job]


class BeautifiedPhoto(Shape):
    """One picture that came of beautifying. `img_url` and `ori_img_url` are signed links: after, and before."""

    code: str
    photo_review_analysis_code: str
    job_code: str
    img_url: str
    original_url: str | None = Field(description="where the provider had it")
    ori_img_url: str
    img_status: int = Field(description="4: the picture exists")
    cost_time: float | None = Field(description="seconds")
    sort: int
    model_id: str
    model_name: str
    media_type: str
    width: int | None
    height: int | None
    size: int
    create_time: Moment


#: The form is read in the route, after the caller's key: so its documentation is written by hand.
REVIEW_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [PHOTO],
                    "properties": {
                        PHOTO: {"type": "string", "format": "binary", "description": "JPEG, PNG or WebP."},
                        "user_id": {"type": "string", "description": "With a service key: the end user it is for."},
                    },
                }
            },
            "application/json": {"schema": ReviewRequest.model_json_schema()},
        },
    }
}


async def review_responses(links: SignedLinks, rows: Sequence[PhotoReviewRow]) -> list[PhotoReview]:
    return [PhotoReview.model_validate({**row.model_dump(), "ori_img_url": await links.photo(row)}) for row in rows]


async def beautified_responses(
    links: SignedLinks, review: PhotoReviewRow, rows: Sequence[tuple[PhotoBeautifyRow, OutputRow]]
) -> list[BeautifiedPhoto]:
    before = await links.photo(review)
    return [
        BeautifiedPhoto.model_validate(
            {
                **output.model_dump(include={"media_type", "width", "height", "size"}),
                **row.model_dump(),
                "img_url": await links.output(output),
                "ori_img_url": before,
            }
        )
        for row, output in rows
    ]
