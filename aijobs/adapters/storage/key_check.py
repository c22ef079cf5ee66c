"""What a key may look like, the same for every store: `outputs/job_01…/0.png`."""

import re
from typing import Final

from aijobs.domain.errors import BadInput

MAX_KEY_LENGTH: Final = 512
MAX_NAME_LENGTH: Final = 200  #: of one part between slashes; file systems take 255

# A list of what is allowed has no gaps: no `..`, no empty part, no NUL, no backslash, no leading slash, no control
# characters, and no leading dot or dash, which mean something to a file system or a shell.
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.=+-]*)*")


def checked_key(key: str) -> str:
    """The key itself. Raises BadInput when it is invalid."""
    too_long = len(key) > MAX_KEY_LENGTH or any(len(name) > MAX_NAME_LENGTH for name in key.split("/"))
    if too_long or not _KEY.fullmatch(key):
        raise BadInput("A key is made of letters, digits and _.=+- between single slashes.")
    return key
