"""The languages that are there, and which of them somebody reads."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True)
class Language:
    """One of the files beside this one, whose name without its ending is the `value`: `en`, `zh`."""

    EN: ClassVar["Language"]
    ZH: ClassVar["Language"]

    value: str

    def __str__(self) -> str:
        return self.value

    @property
    def tag(self) -> str:
        """For HTML's `lang` (BCP 47)."""
        return str(tables(self)["language"]["tag"])

    @property
    def own_name(self) -> str:
        return str(tables(self)["language"]["name"])


Language.EN = Language("en")
Language.ZH = Language("zh")

#: English, in which the code is written, comes first.
LANGUAGES: Final = tuple(
    sorted(map(Language, (path.stem for path in FOLDER.glob("*.toml"))), key=lambda one: (one != Language.EN, str(one)))
)


@cache
def tables(language: Language) -> Mapping[str, Mapping[str, Any]]:
    """What its file says."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))


def known_language(value: str | None) -> Language | None:
    """The language of this name, if there is one."""
    return next((language for language in LANGUAGES if language.value == value), None)


def accepted_language(header: str) -> Language:
    """What an Accept-Language prefers of ours, else English (RFC 9110, 12.5.4: tags with weights)."""
    ranges = [_language_range(part) for part in header.split(",")]
    named = [(weight, language) for weight, tag in ranges if weight > 0 and (language := known_language(tag))]
    return max(named, key=lambda entry: entry[0])[1] if named else Language.EN


def locale_language(variables: Iterable[str | None]) -> Language:
    """That of the first of these values of locale variables which is set, as `zh_CN.UTF-8`; else English."""
    named = next(filter(None, variables), "")
    return known_language(named.lower()[:2]) or Language.EN


def _language_range(part: str) -> tuple[float, str]:
    tag, _, weight = "".join(part.lower().split()).partition(";q=")
    try:
        return float(weight or 1), tag.partition("-")[0]
    except ValueError:
        return 0.0, ""
