"""`python -m tests.dashboard.install_browser`: a browser for the tests, if there is none.

The system's Chromium; else Debian's package, where it may be installed; else the one that Playwright downloads.
"""

import os
import shutil
import subprocess
import sys
from typing import Final

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
PACKAGES: Final = ("chromium", "fonts-dejavu-core", "fonts-noto-cjk")


def system_browser() -> str | None:
    """The path of a browser that Playwright can drive, where the system has one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def main() -> int:
    if system_browser() or _from_debian():
        return 0
    return subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"]).returncode


def _from_debian() -> bool:
    if not (os.geteuid() == 0 and shutil.which("apt-get")):
        return False
    return _apt_get("install", *PACKAGES) or (_apt_get("update") and _apt_get("install", *PACKAGES))


def _apt_get(verb: str, *packages: str) -> bool:
    command = ("apt-get", verb, "-y", "-qq", "--no-install-recommends", *packages)
    return subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
