"""The HTTP client of tests: as patient as a busy machine needs, and without the environment's proxies."""

from typing import Any, Final

import httpx

PATIENCE: Final = 30.0  #: seconds for an answer


def http_client(**options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(**{"timeout": PATIENCE, "trust_env": False, **options})
