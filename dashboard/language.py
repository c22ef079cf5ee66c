"""The language of a visitor."""

from typing import Final

from fastapi import Request

from aijobs.domain.values.languages.language import LANGUAGES, Language, accepted_language, known_language
from aijobs.domain.values.languages.messages import Messages, messages

__all__ = ["COOKIE", "LANGUAGES", "Language", "Messages", "known_language", "language_of", "messages"]

COOKIE: Final = "aijobs_language"


def language_of(request: Request) -> Language:
    """The visitor's choice, else the browser's, else English."""
    chosen = known_language(request.cookies.get(COOKIE))
    return chosen or accepted_language(request.headers.get("Accept-Language", ""))
