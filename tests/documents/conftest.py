"""A reader of documents as the settings have it by default."""

import pytest

from documents.reading import DocumentReader
from documents.settings import DocumentSettings


@pytest.fixture
def reader() -> DocumentReader:
    return DocumentReader(DocumentSettings())
