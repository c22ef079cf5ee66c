"""What taking in a picture, and reviewing a photo, needs."""

from pathlib import Path
from typing import Protocol

from aijobs.domain.photos import Analysis
from aijobs.domain.provider_io import UploadedFile


class CheckedPicture(Protocol):
    """A picture that was decoded to its end. `width` and `height` in pixels."""

    @property
    def media_type(self) -> str: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


class PublishablePhoto(Protocol):
    """A photo encoded anew as JPEG, without metadata. `width` and `height` in pixels, upright."""

    @property
    def content(self) -> bytes: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


class PictureDecoder(Protocol):
    """Decodes pictures that somebody has sent, a few at the same time."""

    async def check(self, picture: Path | bytes) -> CheckedPicture:
        """Raises UnreadableFile and FileTooLarge."""
        ...

    async def clean(self, photo: Path | bytes) -> PublishablePhoto:
        """A copy that can be published. Raises UnreadableFile for what is no still photo, and FileTooLarge."""
        ...


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
