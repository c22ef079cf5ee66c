"""English and Chinese: the language of a visitor, and the messages."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request

from aijobs.domain.lifecycle import JobStatus

FOLDER: Final = Path(__file__).parent / "messages"
COOKIE: Final = "aijobs_language"


class Language(StrEnum):
    """`value` is the name of the messages' file."""

    EN = "en"
    ZH = "zh"

    @property
    def tag(self) -> str:
        """For HTML's `lang` (BCP 47)."""
        return "zh-CN" if self is Language.ZH else "en"

    @property
    def own_name(self) -> str:
        return "中文" if self is Language.ZH else "English"


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

    def status(self, status: JobStatus) -> str:
        return status.zh if self.language is Language.ZH else status.en


def language_of(request: Request) -> Language:
    """The visitor's choice, else the browser's, else English."""
    choice = request.cookies.get(COOKIE, "")
    if choice in set(Language):
        return Language(choice)
    return _accepted_language(request.headers.get("Accept-Language", ""))


def _accepted_language(header: str) -> Language:
    """RFC 9110, 12.5.4: tags with weights."""
    ranges = [_language_range(part) for part in header.split(",")]
    supported = [(weight, tag) for weight, tag in ranges if tag in set(Language) and weight > 0]
    return Language(max(supported, key=lambda entry: entry[0])[1]) if supported else Language.EN


def _language_range(part: str) -> tuple[float, str]:
    tag, _, weight = part.strip().partition(";q=")
    try:
        return float(weight or 1), tag.lower().partition("-")[0]
    except ValueError:
        return 0.0, ""


@cache
def messages(language: Language) -> Mapping[str, str]:
    """By dotted key, for example `jobs.title`."""
    tables = tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))
    return {f"{table}.{key}": text for table, entries in tables.items() for key, text in entries.items()}
