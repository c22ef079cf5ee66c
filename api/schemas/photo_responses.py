"""Photo reviews and beautified photos as the documents that callers get."""

from collections.abc import Sequence

from aijobs.persistence.tables import OutputRow, PhotoBeautifyRow, PhotoReviewRow
from api.schemas.links import SignedLinks
from api.schemas.photos import BeautifiedPhoto, PhotoReview


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
