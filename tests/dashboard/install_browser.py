"""`python -m tests.dashboard.install_browser`: a browser for the tests, if there is none.

The system's Chromium; else Debian's package, where it may be installed; else the one that Playwright downloads.
"""

import shutil
import subprocess
import sys
from typing import Final

from tests.debian_packages import install

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
PACKAGES: Final = ("chromium", "fonts-dejavu-core", "fonts-noto-cjk")


def system_browser() -> str | None:
    """The path of a browser that Playwright can drive, where the system has one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def main() -> int:
    if system_browser() or install(*PACKAGES):
        return 0
    return subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"]).returncode


if __name__ == "__main__":
    sys.exit(main())
