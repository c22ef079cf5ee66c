"""A text for people as an operator writes it: one string, or a table of languages, `{ en = "…", zh = "…" }`."""

from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import ConfigDict, RootModel, model_validator
from pydantic_core import PydanticCustomError

from aijobs.domain.values.languages.language import LANGUAGES, Language, known_language
from aijobs.domain.values.languages.messages import Messages

_KNOWN: Final[dict[str, Any]] = {"known": ", ".join(map(str, LANGUAGES))}


class LocalizedText(RootModel[str | Mapping[str, str]]):
    """One string is English, or whatever language its reader has. As a `str` it is the English, else the first text.

    Raises ValidationError for a table without a text, and for a language that the product does not have.
    """

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _of_known_languages(cls, written: Any) -> Any:
        if isinstance(written, (str, LocalizedText)):
            return written
        if not isinstance(written, Mapping):
            raise PydanticCustomError("text", "must be a text, or a table of texts by language: {known}", _KNOWN)
        if unknown := [repr(one) for one in written if not isinstance(one, str) or known_language(one) is None]:
            named = {**_KNOWN, "unknown": ", ".join(unknown)}
            raise PydanticCustomError("language", "there is no language {unknown}; there are {known}", named)
        if not written:
            raise PydanticCustomError("text", "needs a text in one language at least: {known}", _KNOWN)
        if empty := [one for one, text in written.items() if not isinstance(text, str) or not text.strip()]:
            raise PydanticCustomError("text", "has no text in {empty}", {"empty": ", ".join(empty)})
        return written

    def __str__(self) -> str:
        return self.by_language.get(Language.EN.value) or next(iter(self.by_language.values()))

    @property
    def by_language(self) -> Mapping[str, str]:
        return {Language.EN.value: self.root} if isinstance(self.root, str) else self.root

    def over(self, below: Self | None) -> Self:
        """A table adds its languages to another text; a string takes the other's place."""
        if below is None or isinstance(self.root, str):
            return self
        return type(self)({**below.by_language, **self.root})

    def in_words(self, words: Messages) -> str:
        """In a reader's language; where that is not given, the English in our own translation, if it is ours."""
        return self.by_language.get(words.language.value) or words.sentence(str(self))

    def in_every_language(self) -> dict[str, str]:
        """By language, as `in_words`."""
        return {language.value: self.in_words(Messages(language)) for language in LANGUAGES}
