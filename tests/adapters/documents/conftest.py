"""A document reader with default settings."""

import pytest

from aijobs.adapters.documents.reader import DocumentReader
from aijobs.adapters.documents.settings import DocumentSettings


@pytest.fixture
def reader() -> DocumentReader:
    return DocumentReader(DocumentSettings())
