"""What taking in a picture, and reviewing a photo, needs."""

from collections.abc import AsyncIterator
from typing import Protocol

from aijobs.domain.photos import Analysis, Measurements
from aijobs.domain.provider_io import UploadedFile
from aijobs.domain.values.pictures import CleanPhoto, ImageFacts, PictureContent


class PhotoSource(Protocol):
    """Where uploaded photos are."""

    def chunks(self, file: UploadedFile) -> AsyncIterator[bytes]:
        """Raises FileTooLarge, NotFound, or StoreUnavailable."""
        ...


class ReviewStore(Protocol):
    """The reviews, in the database."""

    async def keep_analysis(self, job_code: str, analysis: Analysis) -> None:
        """It becomes that of the review which the job is for, once the job succeeds. Raises JobIsFinal."""
        ...


class PhotoMeasurer(Protocol):
    """Measures photos. Every method raises UnreadableFile, FileTooLarge, and TooBusy when too many are waiting."""

    async def measure(self, photo: PictureContent) -> Measurements: ...

    async def copy_to_show(self, photo: PictureContent) -> bytes:
        """The JPEG that a language model is shown: upright, small, and without anything but its pixels."""
        ...


class PictureDecoder(PhotoMeasurer, Protocol):
    """Decodes pictures that come from outside, a few at the same time. Raises the same."""

    async def check(self, picture: PictureContent) -> ImageFacts:
        """Decodes all of it."""
        ...

    async def clean(self, photo: PictureContent) -> CleanPhoto:
        """A still photo in JPEG, PNG or WebP, encoded anew without any metadata."""
        ...

    async def thumbnail(self, picture: PictureContent, side: int, *, square: bool = False) -> bytes:
        """In WebP, at most `side` pixels wide and high; `square` cuts off what is too long."""
        ...
