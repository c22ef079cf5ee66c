"""Which fields of a request an endpoint takes. What it refuses is left out, or asked for in another way."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import structlog

from aijobs.adapters.chat.error_rules import ProblemKind, kind_of
from aijobs.adapters.chat.problems import ChatProblem
from aijobs.adapters.chat.settings import ChatSettings

log = structlog.get_logger()

OPENAI: Final = "api.openai.com"
#: Endpoints that know `json_object` only, by their documentation.
JSON_OBJECT_ONLY: Final = frozenset({"api.deepseek.com"})

Structured = Literal["json_schema", "json_object", "off"]
LimitField = Literal["max_tokens", "max_completion_tokens"]


@dataclass(frozen=True)
class Dialect:
    """How an endpoint wants to be asked."""

    structured: Structured = "json_schema"
    limit_field: LimitField = "max_tokens"
    usage: bool = True  #: `stream_options`
    temperature: bool = True
    stream: bool = True

    @classmethod
    def of(cls, settings: ChatSettings) -> "Dialect":
        """What is known before the first question."""
        host = urlsplit(settings.base_url).hostname
        narrowed = settings.structured == "json_schema" and host in JSON_OBJECT_ONLY
        return cls(
            structured="json_object" if narrowed else settings.structured,
            limit_field="max_completion_tokens" if host == OPENAI else "max_tokens",
        )

    def differences(self, settings: ChatSettings) -> list[str]:
        """What was learned, for people."""
        first = Dialect.of(settings)
        told = {
            "structured": f"structured output: {self.structured}",
            "limit_field": f"the limit of tokens is called {self.limit_field}",
            "usage": "it reports no tokens (no stream_options)",
            "temperature": "temperature is left out",
            "stream": "it does not stream",
        }
        return [text for name, text in told.items() if getattr(self, name) != getattr(first, name)]


_TOO_LARGE: Final = re.compile(r"too large|at most|exceed|maximum|less than|between|range|greater", re.IGNORECASE)
_STEPS: Final[Mapping[Structured, Structured]] = {"json_schema": "json_object", "json_object": "off"}
_RESPONSE_FORMAT: Final = re.compile(
    r"response[_ ]?format|json[_ ]?(?:schema|object|mode)|structured|guided|word 'json'", re.IGNORECASE
)
_NO_STREAM: Final = re.compile(r"stream(?:ing)?\b[^.]{0,40}(?:not |un)(?:supported|available|allowed)", re.IGNORECASE)

#: The setting that decides a field, for an error that no step cures.
SETTING_OF: Final[Mapping[str, str]] = {
    "response_format": "AIJOBS_CHAT__STRUCTURED",
    "max_tokens": "AIJOBS_CHAT__MAX_OUTPUT_TOKENS",
    "max_completion_tokens": "AIJOBS_CHAT__MAX_OUTPUT_TOKENS",
    "temperature": "AIJOBS_CHAT__TEMPERATURE",
}


def stepped_down(dialect: Dialect, body: Mapping[str, Any], problem: ChatProblem) -> Dialect | None:
    """The dialect without the field that the endpoint refuses; None where it refuses something else."""
    if kind_of(problem) not in (ProblemKind.FOR_GOOD, ProblemKind.UNKNOWN) and problem.status != 500:
        return None
    text = problem.text
    if "stream_options" in body and re.search("stream_options|include_usage", text):
        return replace(dialect, usage=False)
    if _is_limit_refused(body, text):
        other: LimitField = "max_tokens" if "max_completion_tokens" in body else "max_completion_tokens"
        return replace(dialect, limit_field=other)
    if "response_format" in body and _RESPONSE_FORMAT.search(text):
        return replace(dialect, structured=_STEPS[dialect.structured])
    if "temperature" in body and "temperature" in text.lower() and not _TOO_LARGE.search(text):
        return replace(dialect, temperature=False)
    if body.get("stream") and _NO_STREAM.search(text):
        return replace(dialect, stream=False)
    return None


def _is_limit_refused(body: Mapping[str, Any], text: str) -> bool:
    field = next((name for name in ("max_completion_tokens", "max_tokens") if name in body), None)
    return field is not None and re.search(rf"\b{field}\b", text) is not None and not _TOO_LARGE.search(text)


def setting_for(body: Mapping[str, Any], problem: ChatProblem) -> str | None:
    """The setting of the field that an error names, if one does."""
    return next((name for field, name in SETTING_OF.items() if field in body and field in problem.text), None)


class DialectMemory:
    """What endpoints refused, in a file, so that the next process knows it. Without a file nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def recall(self, settings: ChatSettings) -> Dialect | None:
        kept = self._read().get(_name(settings))
        known = {field.name: type(field.default) for field in fields(Dialect)}
        if not isinstance(kept, dict) or any(type(kept.get(name)) is not kind for name, kind in known.items()):
            return None
        return Dialect(**{name: kept[name] for name in known})

    def keep(self, settings: ChatSettings, dialect: Dialect) -> None:
        """A file that cannot be written is no reason to fail: the endpoint will say it again."""
        log.info("chat_endpoint_learned", endpoint=settings.base_url, **asdict(dialect))
        if self._path is None:
            return
        try:
            self._path.touch(mode=0o600)
            self._path.write_text(json.dumps({**self._read(), _name(settings): asdict(dialect)}, indent=1))
        except OSError as unwritable:
            log.warning("chat_endpoint_not_kept", path=str(self._path), why=str(unwritable))

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._path.read_text()) if self._path is not None else {}
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}


def _name(settings: ChatSettings) -> str:
    """A change of the settings forgets what was learned with the old ones."""
    return f"{settings.base_url} {settings.model} {settings.structured}"
