"""The Content-Disposition of a stored object: inline or attachment, and the file name."""

import re
from typing import Final
from urllib.parse import quote

from aijobs.domain.jobs.outputs import SHOWN_BY_BROWSERS

MAX_FILENAME_LENGTH: Final = 150

_NOT_FOR_NAMES = re.compile(r'[\x00-\x1f\x7f"\\/\u202a-\u202e\u2066-\u2069\ud800-\udfff]')


def content_disposition(filename: str, media_type: str) -> str:
    """The header after RFC 6266, with an ASCII name and one in RFC 8187 encoding."""
    name = _NOT_FOR_NAMES.sub("_", filename)[:MAX_FILENAME_LENGTH] or "file"
    ascii_name = name.encode("ascii", "replace").decode().replace("?", "_")
    disposition = "inline" if media_type.startswith(SHOWN_BY_BROWSERS) else "attachment"
    return f"{disposition}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
