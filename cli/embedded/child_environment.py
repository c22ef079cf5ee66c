"""The environment of programs that are not ours to trust with secrets: what every program needs, and no more."""

import os
from typing import Final

PASSED_ON: Final = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TERM", "TZ", "TMPDIR", "TEMP", "TMP"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"}
)
KINDS_PASSED_ON: Final = ("LC_", "PYTHON", "XDG_")


def plain_environment(**settings: str) -> dict[str, str]:
    """Nothing of ours but these settings, no key of a cloud, no token."""
    needed = {
        name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith(KINDS_PASSED_ON)
    }
    return needed | settings
