"""The sandbox as a vendor that survives its kills: `python -m chaos.stack.vendor PORT URL SECRET FOLDER [HOST]`."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from cli.embedded.ports import HOST
from sandbox.config import Pace, SandboxConfig
from sandbox.server import serve
from sandbox.vendors.replicate.rate_limits import RateLimit

NO_LIMIT: Final = RateLimit(creates_per_minute=1_000_000, calls_per_minute=1_000_000)
PACE: Final = Pace(queue_seconds=0.5, work_seconds=1.0)
KEPT: Final = timedelta(days=2)
"""What the vendor made is compared with what arrived, after the storm."""


def configured(port: int, public_url: str, secret: str, folder: Path, host: str = HOST) -> SandboxConfig:
    return SandboxConfig(
        host=host,
        port=port,
        public_url=public_url,
        pace=PACE,
        webhook_secret=SecretStr(secret),
        retention=KEPT,
        file_ttl=KEPT,
        data_dir=folder,
        rules=(NO_LIMIT,),
        work_threads=1,
    )


if __name__ == "__main__":
    serve(configured(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]), *sys.argv[5:6]))
