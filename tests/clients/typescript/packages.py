"""`python -m tests.clients.typescript.packages` installs what the TypeScript client and its example are built with,
and what lints the descriptions of the API.

Where there is no Node, Debian's is installed; where there can be none, the tests that need it are skipped and say so.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.debian_packages import install

CLIENT: Final = Path(__file__).parents[3] / "clients" / "typescript"
EXAMPLE: Final = CLIENT / "example"
LINTER: Final = Path(__file__).parents[2] / "api" / "redocly"
OLDEST_NODE: Final = 20
INSTALLED: Final = EXAMPLE / "node_modules"
TIMEOUT: Final = 600


def has_node() -> bool:
    """Whether there is a Node that is new enough, with npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.strip().removeprefix("v").partition(".")[0]) >= OLDEST_NODE


needs_node: Final = pytest.mark.skipif(not INSTALLED.exists(), reason="no packages of Node: make .venv/node")
needs_linter: Final = pytest.mark.skipif(
    not (LINTER / "node_modules").exists(), reason="no packages of Node: make .venv/node"
)


def npm(*arguments: str, folder: Path = CLIENT, **environment: str) -> str:
    """What npm prints. An error of it is a failure that shows all of it."""
    done = subprocess.run(
        ["npm", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, f"npm {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def main() -> int:
    if not has_node() and not (install("nodejs", "npm") and has_node()):
        sys.stderr.write(f"No Node {OLDEST_NODE} here: the tests of the TypeScript client are skipped.\n")
        return 0
    npm("ci")
    npm("run", "build")
    npm("ci", folder=EXAMPLE)
    npm("ci", folder=LINTER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
