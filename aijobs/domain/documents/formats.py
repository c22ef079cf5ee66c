"""Documents that are handed in: which kinds we read, and what reading one gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType
from typing import Final

from aijobs.domain.errors import UnreadableFile


class DocumentKind(StrEnum):
    """A kind of document, called by the extension of its name."""

    TEXT = "txt"
    MARKDOWN = "md"
    CSV = "csv"
    EXCEL = "xlsx"
    WORD = "docx"
    PDF = "pdf"

    @property
    def media_type(self) -> str:
        return MEDIA_TYPE_OF[self]


MEDIA_TYPE_OF: Final[Mapping[DocumentKind, str]] = MappingProxyType(
    {
        DocumentKind.TEXT: "text/plain",
        DocumentKind.MARKDOWN: "text/markdown",
        DocumentKind.CSV: "text/csv",
        DocumentKind.EXCEL: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        DocumentKind.WORD: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        DocumentKind.PDF: "application/pdf",
    }
)


_EXTENSIONS: Final = frozenset(str(kind) for kind in DocumentKind)
_TAKEN: Final = ", ".join(f".{kind}" for kind in DocumentKind)


def is_document(name: str) -> bool:
    """Whether a file's name is that of a document."""
    return _extension(name) in _EXTENSIONS


def kind_by_name(name: str) -> DocumentKind:
    """Raises UnreadableFile for an extension that we do not take."""
    extension = _extension(name)
    if extension not in _EXTENSIONS:
        raise UnreadableFile(f"We take {_TAKEN}; this file's name ends in {f'.{extension}' if extension else 'none'}.")
    return DocumentKind(extension)


def _extension(name: str) -> str:
    return PurePath(name).suffix.lower().lstrip(".")


@dataclass(frozen=True, kw_only=True)
class ReadDocument:
    """What a document says. Rows of tables are lines with tabs between their cells."""

    kind: DocumentKind
    text: str
