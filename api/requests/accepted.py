"""What a request asks for by its header `Accept`: a page for people, or JSON for programs."""

import re
from typing import Final

from starlette.datastructures import Headers

HTML: Final = "text/html"
JSON_TYPES: Final = ("application/json", "application/problem+json")
WEIGHT: Final = re.compile(r"[01](\.[0-9]{0,3})?")


def wants_page(headers: Headers) -> bool:
    """Whether the request asks for HTML by name, as browsers do where they show what they get (RFC 9110, 12.5.1)."""
    return _weight(headers, HTML) > max(0.0, *(_weight(headers, kind) for kind in JSON_TYPES))


def wants_json(headers: Headers) -> bool:
    """Whether the request asks for JSON by name, and would not rather have HTML."""
    wanted = max(_weight(headers, kind) for kind in JSON_TYPES)
    return wanted > 0 and wanted >= _weight(headers, HTML)


def _weight(headers: Headers, media_type: str) -> float:
    """0 for what is not named."""
    for part in ",".join(headers.getlist("Accept")).split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if kind == media_type:
            weights = [parameter[2:] for parameter in parameters if parameter.startswith("q=")]
            return float(weights[0]) if weights and WEIGHT.fullmatch(weights[0]) else 1.0
    return 0.0
