"""Programs that tests use, from Debian's packages, where they may be installed."""

import os
import shutil
import subprocess


def install(*packages: str) -> bool:
    """Whether they are installed afterwards. Only root may, and only where there is apt-get."""
    if not (os.geteuid() == 0 and shutil.which("apt-get")):
        return False
    return _apt_get("install", *packages) or (_apt_get("update") and _apt_get("install", *packages))


def _apt_get(verb: str, *packages: str) -> bool:
    command = ("apt-get", verb, "-y", "-qq", "--no-install-recommends", *packages)
    return subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}).returncode == 0
