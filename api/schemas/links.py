"""Signed links to stored objects, which expire."""

from dataclasses import dataclass
from datetime import timedelta

from aijobs.domain.ports.object_store import ObjectStore
from aijobs.persistence.tables import OutputRow, PhotoReviewRow
from aijobs.usecases.review_photo import JPEG, photo_key


@dataclass(frozen=True, kw_only=True)
class SignedLinks:
    """Signs a new link at each call, without a request to the store."""

    store: ObjectStore
    lifetime: timedelta

    async def output(self, row: OutputRow) -> str:
        """A link to a job's output."""
        extension = row.key.rpartition(".")[2]
        return await self.store.link(
            row.key,
            lifetime=self.lifetime,
            filename=f"{row.job_code}_{row.index}.{extension}",
            media_type=row.media_type,
        )

    async def photo(self, review: PhotoReviewRow) -> str:
        """A link to the stored copy of a reviewed photo."""
        return await self.store.link(
            photo_key(review.file_code), lifetime=self.lifetime, filename=f"{review.code}.jpg", media_type=JPEG
        )
