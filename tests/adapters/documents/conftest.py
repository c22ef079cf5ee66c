"""A document reader with default settings, and the parsers without a process around them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aijobs.adapters.documents.format_detection import kind_of
from aijobs.adapters.documents.reader import DocumentReader
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.adapters.documents.texts.document_text import DocumentText
from aijobs.adapters.documents.texts.whole_text import whole_text
from aijobs.domain.documents.formats import ReadDocument

Parse = Callable[..., ReadDocument]


@pytest.fixture
def reader() -> DocumentReader:
    return DocumentReader(DocumentSettings())


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    """Reads a document as the reader does, in this process: for the many small files of one format."""

    def parsed(content: bytes, name: str, *, comments: bool = False, password: str | None = None) -> ReadDocument:
        path = tmp_path / "document"
        path.write_bytes(content)
        kind = kind_of(path, name)
        settings = DocumentSettings(comments=comments)
        document = DocumentText(path=path, kind=kind, settings=settings, password=password)
        whole = whole_text(kind, [*document.pieces()], {})
        return ReadDocument(kind=kind, text=whole.text, notes=whole.notes)

    return parsed
