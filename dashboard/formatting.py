"""Numbers, times and JSON documents as text for people."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import escape
from typing import Any, Final
from urllib.parse import quote

from jinja2 import pass_context

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.values.health_findings import HealthFinding
from aijobs.domain.values.languages.language import Language
from aijobs.domain.values.languages.messages import Messages
from aijobs.domain.values.redaction import without_secrets

CODE: Final = re.compile(r"`([^`\n]+)`")
SIZES: Final = ("B", "KB", "MB", "GB", "TB")
MAX_DOCUMENT: Final = 60_000  #: characters of a provider's response that a page shows


def moment(at: datetime | None) -> str:
    """To the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at else "–"


def short_moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%m-%d %H:%M:%S}" if at else "–"


def model_name(catalogue: Catalogue, words: Messages, model_id: str, kept: str | None = None) -> str:
    """What a model is called in a language: as the catalogue says now, or as a job has kept it in English.

    Its id, where neither says it.
    """
    name = catalogue.model(model_id).model_name if model_id in catalogue else None
    if name is not None and kept in {None, str(name)}:
        return name.in_words(words)
    return model_id if kept is None else words.sentence(kept)


@pass_context
def duration(context: Mapping[str, Any], length: timedelta | float | None) -> str:
    """Two units at most, in the language of the page: `850 ms`, `4.2 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`."""
    words: Messages = context.get("t") or Messages(Language.EN)
    if length is None:
        return "–"
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 1:
        return words("duration.ms", count=f"{max(seconds, 0) * 1000:.0f}")
    if seconds < 60:
        return words("duration.s", count=f"{seconds:.1f}")
    minutes, left = divmod(int(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if minutes < 60:
        parts = {"m": minutes, "s": left}
    elif hours < 48:
        parts = {"h": hours, "m": minutes_left}
    else:
        parts = {"d": hours // 24, "h": hours % 24}
    return " ".join(words(f"duration.{unit}", count=count) for unit, count in parts.items() if count)


#: Which table has the words for the values of a part of an event.
WORDS_OF: Final = {
    "failed": "error_code",
    "outcome": "outcome",
    "resolved": "outcome",
    "provider_cancel": "cancel_outcome",
}


def fact(words: Messages, name: str, value: Any) -> str:
    """A part of an event in a job's history, as people read it."""
    match value:
        case {"for": waits, **more}:
            until = more.get("gives_up_at") or more.get("next_at")
            short = words.known("waiting_short", str(waits))
            return f"{short}, {words('waiting.until', time=until)}" if until else short
        case bool() | None:
            return words.known("said", str(value).lower()) if value is not None else "–"
        case str() if name == "raw_status":  # the provider's own word
            return value
        case str():
            table = next((one for one in (WORDS_OF.get(name), "said") if one and words.has(one, value)), None)
            return words.known(table, value) if table else words.sentence(value)
        case _:
            return str(value)


def size(count: int) -> str:
    """In powers of 1000."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(SIZES) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {SIZES[unit]}" if unit == 0 else f"{value:.1f} {SIZES[unit]}"


def percent(share: float | None) -> str:
    """Of a share between 0 and 1."""
    return "–" if share is None else f"{share * 100:.0f} %"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def amount(value: Decimal) -> str:
    """Of money: two digits behind the point, or as many as a small one needs: `12.50`, `0.05`, `0.0031`."""
    digits = max(2, min(1 - value.adjusted(), -int(value.normalize().as_tuple().exponent)))
    return f"{value:,.{digits}f}"


def path_segment(name: str) -> str:
    """As a part of a path; a slash in it does not divide it."""
    return quote(name, safe="")


def document(value: Any) -> str:
    """JSON as it is, indented; the end of a long one is left out."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if len(text) <= MAX_DOCUMENT else text[:MAX_DOCUMENT] + "\n…"


class Marked(str):
    """A text whose templates show as code what stands between backticks. Everything is escaped."""

    __slots__ = ()

    def __html__(self) -> str:
        return CODE.sub(r"<code>\1</code>", escape(self))


#: Filters of the templates, by their names there.
FILTERS: Final = {
    "moment": moment,
    "short_moment": short_moment,
    "duration": duration,
    "fact": fact,
    "size": size,
    "percent": percent,
    "number": number,
    "amount": amount,
    "marked": Marked,
    "document": document,
    "path_segment": path_segment,
    "redacted": without_secrets,
}


def finding_values(finding: HealthFinding) -> dict[str, str]:
    """What fills the gaps of a finding's sentence and advice."""
    sizes = {name: size(value) if isinstance(value, int) else value for name, value in finding.values.items()}
    return {"subject": finding.subject, "host": "", "free": "", "total": "", **sizes}
