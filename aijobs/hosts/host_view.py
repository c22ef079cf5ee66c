"""Looks at this host for its process: room on its disks, and until when its certificates and tokens are good."""

import asyncio
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import jwt
from cryptography import x509

from aijobs.domain.values.host_facts import Expiry, HostFacts, Room
from aijobs.settings import VENDORS, Settings, variable

LOOK_EVERY: Final = timedelta(hours=1)
"""At certificates and tokens; at disks with each beat."""

PATIENCE: Final = timedelta(seconds=2)
"""So long the facts wait for a server that is asked for its certificate: a process that says nothing counts as lost."""

CONNECT_TIMEOUT: Final = timedelta(seconds=5)
HTTPS_PORT: Final = 443


class HostView:
    """What the process of these settings sees. `certificates`: PEM by name, besides that of the public URL."""

    def __init__(
        self, settings: Settings, certificates: Callable[[], Mapping[str, bytes]], *, public: bool = False
    ) -> None:
        """`public`: whether it looks at the certificate that the public URL has."""
        self._settings = settings
        self._certificates = certificates
        self._public_url = settings.reachable_url if public else None
        self._looked_at = -LOOK_EVERY.total_seconds()
        self._looking: asyncio.Future[None] | None = None
        self._expiries: tuple[Expiry, ...] = ()

    async def facts(self, *, patience: timedelta = PATIENCE) -> HostFacts:
        """Of now; certificates as they were within the last hour: those that take longer than `patience` come later."""
        is_looking = self._looking is not None and not self._looking.done()
        if not is_looking and time.monotonic() - self._looked_at >= LOOK_EVERY.total_seconds():
            self._looked_at = time.monotonic()
            self._looking = asyncio.get_running_loop().run_in_executor(None, self._look)
        if self._looking is not None:
            await asyncio.wait([self._looking], timeout=patience.total_seconds())
        seen = await asyncio.to_thread(lambda: tuple(rooms(self._settings)))
        return HostFacts(rooms=seen, expiries=self._expiries)

    def _look(self) -> None:
        self._expiries = tuple(self._found_expiries())

    def _found_expiries(self) -> Iterator[Expiry]:
        for name, pem in self._certificates().items():
            with suppress(ValueError):  # what is no certificate is refused where it is used
                yield Expiry(what="certificate", name=name, at=end_of_certificates(pem))
        if self._public_url is not None and self._public_url.startswith("https:"):
            with suppress(OSError, ValueError):  # it may not be reachable from here
                yield Expiry(what="certificate", name=self._public_url, at=end_of_served(self._public_url))
        for name in VENDORS:
            token = self._settings.section(name).token
            if token is not None and (end := end_of_token(token.get_secret_value())) is not None:
                yield Expiry(what="token", name=variable(name, "token"), at=end)


def rooms(settings: Settings) -> Iterator[Room]:
    """Of the data directory, and of the temporary directory, where parsers work."""
    for what, path in (("data", settings.data_dir.resolve()), ("temp", Path(tempfile.gettempdir()))):
        with suppress(OSError):
            usage = shutil.disk_usage(path)
            yield Room(what=what, path=str(path), free=usage.free, total=usage.total)


def end_of_certificates(pem: bytes) -> datetime:
    """The first end among the certificates of a file. Raises ValueError when there is none."""
    return min(certificate.not_valid_after_utc for certificate in x509.load_pem_x509_certificates(pem))


def end_of_served(url: str) -> datetime:
    """The end of the certificate that a server shows, whoever has signed it. Raises OSError and ValueError."""
    address = urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # an expired one is to be seen, too
    where = (address.hostname or "", address.port or HTTPS_PORT)
    with (
        socket.create_connection(where, timeout=CONNECT_TIMEOUT.total_seconds()) as connection,
        context.wrap_socket(connection, server_hostname=address.hostname) as tls,
    ):
        return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"").not_valid_after_utc


def end_of_token(token: str) -> datetime | None:
    """Of a token that says it itself, as JSON web tokens do; None of others."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError):
        return None
