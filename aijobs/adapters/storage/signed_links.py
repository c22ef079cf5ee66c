"""Expiring links to objects in a directory; the API serves them without further authentication."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode

from aijobs.domain.errors import NotAllowed, NotFound
from aijobs.domain.ports.object_store import STORE_PATH

MIN_SECRET_LENGTH: Final = 16

_PURPOSE = "aijobs store link 1"  # signed too, so that signatures for other purposes are not valid here


class LinkSigner:
    """Signs key, file name, media type and expiry with HMAC-SHA256."""

    def __init__(self, secret: bytes, base_url: str, *, now: Callable[[], float] = time.time) -> None:
        if len(secret) < MIN_SECRET_LENGTH:
            raise ValueError(f"The secret for links needs at least {MIN_SECRET_LENGTH} bytes.")
        self._secret = secret
        self._base_url = base_url.rstrip("/")
        self._now = now

    def sign(self, key: str, *, lifetime: timedelta, filename: str, media_type: str) -> str:
        """The whole link."""
        expires = int(self._now() + lifetime.total_seconds())
        query = {
            "filename": filename,
            "type": media_type,
            "expires": expires,
            "signature": self._signature(key, filename, media_type, expires),
        }
        return f"{self._base_url}{STORE_PATH}{quote(key)}?{urlencode(query)}"

    def verify(self, key: str, *, filename: str, media_type: str, expires: int, signature: str) -> None:
        """Raises NotAllowed for a wrong signature, NotFound for an expired link."""
        expected = self._signature(key, filename, media_type, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode(errors="replace")):
            raise NotAllowed("The signature of this link is not right.")
        if self._now() >= expires:
            raise NotFound("This link has expired. Ask for the output again to get a new one.")

    def _signature(self, key: str, filename: str, media_type: str, expires: int) -> str:
        signed = json.dumps([_PURPOSE, key, filename, media_type, expires])
        return urlsafe_b64encode(hmac.digest(self._secret, signed.encode(), "sha256")).decode().rstrip("=")
