"""Removes secrets from requests to providers and their responses."""

import re
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

REMOVED: Final = "***"

_SECRET_KEY: Final = re.compile(
    r"authorization|token|secret|password|credential|signature|cookie|api[-_]?key|access[-_]?key", re.IGNORECASE
)
_SIGNING_NAME: Final = re.compile(r"(?:signature|sig|token|credential|key|policy|expires)$", re.IGNORECASE)
_BETWEEN_FIELDS: Final = re.compile(r"[&;?]")
_URL: Final = re.compile(r"https?://[^\s\"'<>]+")
_OUR_WEBHOOK: Final = re.compile(r"(/api/webhooks/[^/]+/)[^/?#]+")
_TOKEN_COUNT: Final = re.compile(r"_?tokens$|_token_count$", re.IGNORECASE)


def without_secrets(value: Any) -> Any:
    """The same document without values of secret keys, signatures in URLs, and the tokens of our webhook URLs."""
    match value:
        case dict():
            return {key: REMOVED if _is_secret(key, inner) else without_secrets(inner) for key, inner in value.items()}
        case list():
            return [without_secrets(inner) for inner in value]
        case str():
            return _URL.sub(lambda match: _redacted_url(match[0]), value)
        case _:
            return value


def _is_secret(key: str, value: Any) -> bool:
    """Whether the key's name means a secret. A number of tokens, as models report it, is none."""
    is_count = isinstance(value, int | float) and _TOKEN_COUNT.search(key)
    return value is not None and not is_count and _SECRET_KEY.search(key) is not None


def _redacted_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return REMOVED
    netloc = parts.netloc.rpartition("@")[2]
    query = REMOVED if _is_signed(parts.query) else parts.query
    return urlunsplit((parts.scheme, netloc, _OUR_WEBHOOK.sub(rf"\1{REMOVED}", parts.path), query, parts.fragment))


def _is_signed(query: str) -> bool:
    fields = (field.partition("=") for field in _BETWEEN_FIELDS.split(query))
    return any(equals and _SIGNING_NAME.search(name) for name, equals, _ in fields)
