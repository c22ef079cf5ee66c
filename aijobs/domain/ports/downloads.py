"""Fetching outputs from where providers keep them."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aijobs.domain.jobs.outputs import Download, OutputKind, OutputSource


class Downloader(Protocol):
    """Fetches outputs without being led astray."""

    def fetch(
        self, source: OutputSource, *, expect: OutputKind, hosts: tuple[str, ...]
    ) -> AbstractAsyncContextManager[Download]:
        """Open a download for as long as the context lasts. `hosts` are those of the provider.

        Raises LinkExpired (400, 401, 403, 404, 410), DownloadInterrupted, or OutputRefused (private address, foreign
        host, too large, not what was promised). The chunks raise DownloadInterrupted and OutputRefused too.
        """
        ...
