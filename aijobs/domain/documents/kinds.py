"""Documents that are handed in: which kinds we read, and what reading one gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType
from typing import Final


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


def is_document(name: str) -> bool:
    """Whether a file's name is that of a document."""
    return PurePath(name).suffix.lower().lstrip(".") in {str(kind) for kind in DocumentKind}


@dataclass(frozen=True, kw_only=True)
class ReadDocument:
    """What a document says. Rows of tables are lines with tabs between their cells."""

    kind: DocumentKind
    text: str
