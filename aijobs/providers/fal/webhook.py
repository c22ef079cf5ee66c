"""fal's webhooks: signed with Ed25519 over ids, time and a digest of the body, by keys that fal publishes."""

import base64
import binascii
import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aijobs.domain.errors import BadInput, NotAuthenticated
from aijobs.domain.provider_io import IncomingWebhook

TOLERANCE: Final = timedelta(minutes=5)
KEYS_LAST: Final = timedelta(hours=24)
ASK_AGAIN: Final = timedelta(minutes=5)  #: for keys, after a signature that none of them made
KEY_BYTES: Final = 32
MAX_KEYS: Final = 20
TIME_HEADER: Final = "x-fal-webhook-timestamp"  #: covered by the signature

_SECONDS: Final = re.compile(r"\d{1,15}")


class WebhookKeys:
    """The keys of a JWKS document, for a day."""

    def __init__(self) -> None:
        self._keys: tuple[Ed25519PublicKey, ...] = ()
        self._until = -1.0

    @property
    def are_stale(self) -> bool:
        return time.monotonic() >= self._until

    def read(self, document: Mapping[str, Any]) -> None:
        listed = document.get("keys")
        self._keys = tuple(_keys_in(listed if isinstance(listed, list) else []))
        self._until = time.monotonic() + (KEYS_LAST if self._keys else ASK_AGAIN).total_seconds()

    def verify(self, delivery: IncomingWebhook) -> None:
        """Raises NotAuthenticated when the signature is missing, wrong, or more than five minutes old."""
        headers = delivery.headers
        parts = [headers.get(f"x-fal-webhook-{name}", "") for name in ("request-id", "user-id", "timestamp")]
        if not _is_recent(parts[2]):
            raise NotAuthenticated("The webhook's time is missing or too old.")
        message = "\n".join([*parts, hashlib.sha256(delivery.body).hexdigest()]).encode()
        signature = _from_hex(headers.get("x-fal-webhook-signature", ""))
        if not any(_made(key, signature, message) for key in self._keys):
            self._until = min(self._until, time.monotonic() + ASK_AGAIN.total_seconds())
            raise NotAuthenticated("The webhook's signature is missing or wrong.")


def _keys_in(listed: Iterable[Any]) -> Iterable[Ed25519PublicKey]:
    for one in list(listed)[:MAX_KEYS]:
        written = one.get("x") if isinstance(one, dict) else None
        if not isinstance(written, str):
            continue
        try:
            raw = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
        except (ValueError, binascii.Error):
            continue
        if len(raw) == KEY_BYTES:
            yield Ed25519PublicKey.from_public_bytes(raw)


def _made(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _is_recent(timestamp: str) -> bool:
    return bool(_SECONDS.fullmatch(timestamp)) and abs(time.time() - int(timestamp)) <= TOLERANCE.total_seconds()


def _from_hex(written: str) -> bytes:
    try:
        return bytes.fromhex(written)
    except ValueError:
        return b""


def event_in(delivery: IncomingWebhook) -> tuple[str, str]:
    """The id of the request, and OK or ERROR. Raises BadInput when the body is no event."""
    try:
        event = json.loads(delivery.body)
    except (ValueError, RecursionError) as unreadable:
        raise BadInput("The webhook's body is not JSON.") from unreadable
    request_id = event.get("request_id") if isinstance(event, dict) else None
    if not isinstance(request_id, str) or not request_id:
        raise BadInput("The webhook's body names no request.")
    return request_id, str(event.get("status") or "")
