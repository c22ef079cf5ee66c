"""The names that models have as their `provider` in the catalogue for each generator."""

from typing import Final

ANSWER: Final = "answer"
DOCUMENT: Final = "document"
PHOTO_REVIEW: Final = "photo_review"
GENERATORS: Final = frozenset({ANSWER, DOCUMENT, PHOTO_REVIEW})
