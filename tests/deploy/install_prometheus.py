"""`python -m tests.deploy.install_prometheus`: Debian's. Where it cannot be installed, its tests are skipped."""

import shutil
import sys

from tests.debian_packages import install


def main() -> None:
    if shutil.which("promtool") is None and not install("prometheus"):
        sys.stderr.write("Not installed: prometheus. Its tests will be skipped.\n")


if __name__ == "__main__":
    main()
