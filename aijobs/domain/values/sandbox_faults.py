"""The test mode: what a job asks of the sandbox in its metadata, `{"sandbox": "accept_then_drop"}`.

The value is written as the sandbox reads it: `name[=argument][@operation][*times]`, several with commas. It goes along
with what is sent for the job, as a header, and to the sandbox alone: no vendor ever sees it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from urllib.parse import urlsplit

METADATA_KEY: Final = "sandbox"
HEADER: Final = "X-Sandbox-Fault"

_ASKED: Final[ContextVar[tuple[str, str] | None]] = ContextVar("asked_of_sandbox", default=None)


@contextmanager
def faults_asked(sandbox_url: str | None, metadata: Mapping[str, str]) -> Iterator[None]:
    """Within it, what is sent to the sandbox carries the faults that a job's metadata name.

    Without an address there is no sandbox.
    """
    faults = metadata.get(METADATA_KEY, "")
    token = _ASKED.set((_origin(sandbox_url), faults) if sandbox_url and _is_header(faults) else None)
    try:
        yield
    finally:
        _ASKED.reset(token)


def fault_headers(url: str) -> dict[str, str]:
    """The header for a request to this address; none for another than the sandbox."""
    asked = _ASKED.get()
    if asked is None or _origin(url) != asked[0]:
        return {}
    return {HEADER: asked[1]}


def _is_header(faults: str) -> bool:
    """Whether it can be the value of a header: nothing else is known by the sandbox either."""
    return bool(faults) and faults.isascii() and faults.isprintable()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
