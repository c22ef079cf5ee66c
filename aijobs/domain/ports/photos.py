"""What reviewing a photo needs."""

from typing import Protocol

from aijobs.domain.photos import Analysis
from aijobs.domain.provider_io import UploadedFile


class PhotoSource(Protocol):
    """Where uploaded photos are."""

    async def content(self, file: UploadedFile) -> bytes:
        """Raises FileTooLarge, NotFound, or StoreUnavailable."""
        ...


class ReviewStore(Protocol):
    """The reviews, in the database."""

    async def keep_analysis(self, job_code: str, analysis: Analysis) -> None:
        """It becomes that of the review which the job is for, once the job succeeds. Raises JobIsFinal."""
        ...
