"""What use cases need to read files that somebody has sent."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from aijobs.domain.documents.kinds import ReadDocument
from aijobs.domain.documents.templates import Column, Row


class UploadedTable(Protocol):
    """A table that was read and checked."""

    @property
    def count(self) -> int: ...

    def rows(self) -> Iterator[Row]:
        """Each time from the first. Reads a file: not for an event loop."""
        ...


class DocumentParser(Protocol):
    """Reads documents, whatever they do to their parser."""

    async def read(self, document: Path | bytes, name: str) -> ReadDocument:
        """What a document says. `name` is what its owner calls it: its extension must fit its content.

        Raises UnreadableFile and FileTooLarge.
        """
        ...

    def table(
        self, document: Path | bytes, name: str, columns: Sequence[Column]
    ) -> AbstractAsyncContextManager[UploadedTable]:
        """The table in a workbook, for as long as the block lasts.

        Raises InvalidParameters that names each wrong column or cell, and what `read` raises.
        """
        ...


class Picture(Protocol):
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

    async def check(self, picture: Path | bytes) -> Picture:
        """Raises UnreadableFile and FileTooLarge."""
        ...

    async def clean(self, photo: Path | bytes) -> PublishablePhoto:
        """A copy that can be published. Raises UnreadableFile for what is no still photo, and FileTooLarge."""
        ...
