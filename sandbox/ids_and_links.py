"""Ids in the vendors' format, and signed links."""

import hashlib
import hmac
import secrets
import string
from typing import Final

ALPHABET: Final = string.ascii_lowercase + string.digits
LENGTH: Final = 26


def new_id() -> str:
    """26 lower-case letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


class Links:
    """Links to outputs that work until they expire: `<base>/delivery/<expiry>-<signature>/<owner>/<name>`."""

    def __init__(self, base_url: str, key: bytes) -> None:
        self._base_url = base_url
        self._key = key

    def to(self, owner: str, name: str, *, expires_ns: int) -> str:
        return f"{self._base_url}/delivery/{expires_ns:x}-{self._sign(owner, name, expires_ns)}/{owner}/{name}"

    def is_valid(self, ticket: str, owner: str, name: str, *, now_ns: int) -> bool:
        expiry, _, signature = ticket.partition("-")
        if not expiry or set(expiry) - set(string.hexdigits):
            return False
        expires_ns = int(expiry, 16)
        return expires_ns > now_ns and hmac.compare_digest(signature, self._sign(owner, name, expires_ns))

    def _sign(self, owner: str, name: str, expires_ns: int) -> str:
        return hmac.new(self._key, f"{owner}/{name}/{expires_ns}".encode(), hashlib.sha256).hexdigest()[:40]
