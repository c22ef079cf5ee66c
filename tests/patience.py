"""How long tests wait for what is to come: far longer than it takes, since a busy machine is slow."""

from typing import Any, Final

import httpx

PATIENCE: Final = 30.0  #: seconds


def http_client(**options: Any) -> httpx.AsyncClient:
    """An HTTP client that waits as long for an answer, without the environment's proxies."""
    return httpx.AsyncClient(**{"timeout": PATIENCE, "trust_env": False, **options})
