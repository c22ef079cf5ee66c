"""Messages by their key, and whole English sentences of ours, in one language."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.languages.language import Language, tables
from aijobs.domain.values.languages.sentences import Sentences

SENTENCES: Final = "sentences"
"""The table of a file whose keys are English sentences; every other one is part of its messages' keys."""


@dataclass(frozen=True)
class Messages:
    """Messages of one language. In templates: `t("jobs.title")`, `t("jobs.fresh", count=3)`, `t.status(…)`."""

    language: Language

    def __call__(self, key: str, **values: Any) -> str:
        message = messages(self.language)[key]
        return message.format(**values) if values else message

    def known(self, prefix: str, word: str) -> str:
        """The translation of one of our words; a word without a message is returned unchanged."""
        return messages(self.language).get(f"{prefix}.{word}", word)

    def has(self, prefix: str, word: str) -> bool:
        """Whether there is a translation of this word."""
        return f"{prefix}.{word}" in messages(self.language)

    def status(self, status: JobStatus) -> str:
        return self(f"status.{status.name}")

    def sentence(self, english: str) -> str:
        """An English sentence of ours in this language; what is not known stays as it is, such as a vendor's words."""
        return self.translated(english) or english

    def translated(self, english: str) -> str | None:
        """The same; None for what is not known. English itself is known always."""
        return english if self.language == Language.EN else sentences(self.language).translated(english)

    def failure(self, code: str, message: str) -> str:
        """What went wrong: the message in this language, else what its code means, with the message quoted."""
        if translated := self.translated(message):
            return translated
        meaning = messages(self.language).get(f"error_code.{code}")
        return f"{meaning}{self('error.quoted', text=message)}" if meaning else message


@cache
def messages(language: Language) -> Mapping[str, str]:
    """By dotted key, for example `jobs.title`."""
    return {
        f"{table}.{key}": text
        for table, entries in tables(language).items()
        if table != SENTENCES
        for key, text in entries.items()
    }


@cache
def sentences(language: Language) -> Sentences:
    return Sentences(tables(language).get(SENTENCES, {}))
