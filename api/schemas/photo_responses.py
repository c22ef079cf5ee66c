"""Photo reviews and beautified photos as the documents that callers get."""

from collections.abc import Sequence
from typing import Final

from aijobs.persistence.tables import OutputRow, PhotoBeautifyRow, PhotoReviewRow
from api.dependencies import Parts
from api.schemas.job_responses import output_link
from api.schemas.photos import BeautifiedPhoto, PhotoReview

JPEG: Final = "image/jpeg"


async def photo_link(parts: Parts, review: PhotoReviewRow) -> str:
    """Signed, and good for a while."""
    return await parts.store.link(
        photo_key(review.file_code),
        lifetime=parts.settings.link_lifetime,
        filename=f"{review.code}.jpg",
        media_type=JPEG,
    )


def photo_key(file_code: str) -> str:
    """Of a published copy, in the store."""
    return f"files/{file_code}.jpg"


async def review_responses(parts: Parts, rows: Sequence[PhotoReviewRow]) -> list[PhotoReview]:
    return [
        PhotoReview.model_validate({**row.model_dump(), "ori_img_url": await photo_link(parts, row)}) for row in rows
    ]


async def beautified_responses(
    parts: Parts, review: PhotoReviewRow, rows: Sequence[tuple[PhotoBeautifyRow, OutputRow]]
) -> list[BeautifiedPhoto]:
    before = await photo_link(parts, review)
    return [
        BeautifiedPhoto.model_validate(
            {
                **output.model_dump(include={"media_type", "width", "height", "size"}),
                **row.model_dump(),
                "img_url": await output_link(parts, output),
                "ori_img_url": before,
            }
        )
        for row, output in rows
    ]
