"""The sandbox as a vendor without rate limits, in its own process:
`python -m bench.rig.vendor PORT SECRET WORK`.
"""

import sys
from typing import Final

from pydantic import SecretStr

from sandbox.config import Pace, SandboxConfig
from sandbox.server import serve
from sandbox.vendors.replicate.rate_limits import RateLimit

NO_LIMIT: Final = RateLimit(creates_per_minute=1_000_000, calls_per_minute=1_000_000)
QUEUE_SECONDS: Final = 1.0


def simulated(port: int, webhook_secret: str, *, work_seconds: float) -> SandboxConfig:
    return SandboxConfig(
        port=port,
        webhook_secret=SecretStr(webhook_secret),
        pace=Pace(queue_seconds=QUEUE_SECONDS, work_seconds=work_seconds),
        rules=(NO_LIMIT,),
    )


if __name__ == "__main__":
    serve(simulated(int(sys.argv[1]), sys.argv[2], work_seconds=float(sys.argv[3])))
