"""What was exchanged with a provider, without anything that opens a door."""

import re
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

REMOVED: Final = "***"

_SECRET_KEY: Final = re.compile(
    r"authorization|token|secret|password|credential|signature|cookie|api[-_]?key|access[-_]?key", re.IGNORECASE
)
_SIGNED: Final = re.compile(r"(?:^|[&;?])[^=&]*(?:signature|sig|token|credential|key|policy|expires)=", re.IGNORECASE)
_URL: Final = re.compile(r"https?://[^\s\"'<>]+")
_OUR_WEBHOOK: Final = re.compile(r"(/api/webhooks/[^/]+/)[^/?#]+")
_TOKEN_COUNT: Final = re.compile(r"_?tokens$|_token_count$", re.IGNORECASE)


def without_secrets(value: Any) -> Any:
    """The same document. Values under telling names are removed, links lose what signs them, and the token we plant."""
    match value:
        case dict():
            return {key: REMOVED if _is_secret(key, inner) else without_secrets(inner) for key, inner in value.items()}
        case list():
            return [without_secrets(inner) for inner in value]
        case str():
            return _URL.sub(lambda found: _harmless(found[0]), value)
        case _:
            return value


def _is_secret(key: str, value: Any) -> bool:
    """How many tokens a model has used is no secret."""
    counted = isinstance(value, int | float) and _TOKEN_COUNT.search(key)
    return value is not None and not counted and _SECRET_KEY.search(key) is not None


def _harmless(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return REMOVED
    netloc = parts.netloc.rpartition("@")[2]
    query = REMOVED if _SIGNED.search(parts.query) else parts.query
    return urlunsplit((parts.scheme, netloc, _OUR_WEBHOOK.sub(rf"\1{REMOVED}", parts.path), query, parts.fragment))
