"""The environment of programs that must not get our secrets: only what every program needs."""

import os
from typing import Final

INHERITED: Final = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TERM", "TZ", "TMPDIR", "TEMP", "TMP"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"}
)
INHERITED_PREFIXES: Final = ("LC_", "PYTHON", "XDG_")


def plain_environment(**settings: str) -> dict[str, str]:
    """The inherited variables and these settings; no other setting of ours, no cloud key, no token."""
    needed = {
        name: value for name, value in os.environ.items() if name in INHERITED or name.startswith(INHERITED_PREFIXES)
    }
    return needed | settings
