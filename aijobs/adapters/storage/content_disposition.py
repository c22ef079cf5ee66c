"""How a browser should treat a stored object: show it, or offer to save it, and under which name."""

import re
from typing import Final
from urllib.parse import quote

from aijobs.domain.jobs.outputs import SHOWN_BY_BROWSERS

MAX_FILENAME_LENGTH: Final = 150

_NOT_FOR_NAMES = re.compile(r'[\x00-\x1f\x7f"\\/\u202a-\u202e\u2066-\u2069\ud800-\udfff]')


def content_disposition(filename: str, media_type: str) -> str:
    """RFC 6266, with the name in RFC 8187 beside an ASCII one."""
    name = _NOT_FOR_NAMES.sub("_", filename)[:MAX_FILENAME_LENGTH] or "file"
    ascii_name = name.encode("ascii", "replace").decode().replace("?", "_")
    manner = "inline" if media_type.startswith(SHOWN_BY_BROWSERS) else "attachment"
    return f"{manner}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
