"""The keys that encrypt what Temporal keeps of us: AES-256-GCM, the first for new payloads, all for old ones."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AfterValidator, SecretStr

from aijobs.domain.errors import PayloadUnreadable

SETTING: Final = "AIJOBS_PAYLOADS__KEYS"

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12  #: as NIST SP 800-38D recommends; random, which is safe for 2^32 payloads of a key
MAX_KEYS: Final = 20
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")


class PayloadKeys:
    """Encrypts with the first key, decrypts with each. A key's id is no secret: it stands beside the ciphertext."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.current = next(iter(keys))

    @classmethod
    def parse(cls, written: str) -> Self:
        """`id:base64,id:base64,…`, the newest first. Raises ValueError, whose message quotes no key."""
        keys: dict[str, bytes] = {}
        for place, one in enumerate(re.split(r"[,\s]+", written.strip(", \n\t")), start=1):
            key_id, _, encoded = one.partition(":")
            if not _KEY_ID.fullmatch(key_id) or not encoded:
                raise ValueError(f"key {place} must be `id:base64`, the id of letters, digits, `.`, `_` and `-`")
            if key_id in keys:
                raise ValueError(f"two keys have the id {key_id}")
            keys[key_id] = _key_in(encoded, key_id)
        if len(keys) > MAX_KEYS:
            raise ValueError(f"there are more than {MAX_KEYS} keys")
        return cls(keys)

    def encrypt(self, plain: bytes) -> bytes:
        """With the key `current`: a nonce, and the ciphertext with its tag."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers[self.current].encrypt(nonce, plain, self.current.encode())

    def decrypt(self, sealed: bytes, key_id: str) -> bytes:
        """Raises PayloadUnreadable when there is no such key, or when something was changed."""
        if key_id not in self._ciphers:
            raise missing_key(key_id)
        try:
            return self._ciphers[key_id].decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], key_id.encode())
        except (InvalidTag, ValueError) as altered:
            raise PayloadUnreadable(
                f"A payload was not encrypted with our key {key_id!r}, or was altered."
            ) from altered


def missing_key(key_id: str) -> PayloadUnreadable:
    """A payload names a key that this process does not have."""
    shown = key_id if _KEY_ID.fullmatch(key_id) else "of a strange name"
    return PayloadUnreadable(f"A payload in Temporal is encrypted with the key {shown}, which is not in {SETTING}.")


def _key_in(encoded: str, key_id: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError(f"the key {key_id} is not base64: letters are missing or changed") from None
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"the key {key_id} has {len(key)} bytes instead of {KEY_BYTES}: `openssl rand -base64 32` makes one"
        )
    return key


def _checked(secret: SecretStr) -> SecretStr:
    """An empty one counts as not set."""
    if secret.get_secret_value().strip():
        PayloadKeys.parse(secret.get_secret_value())
    return secret


#: A setting: `id:base64,…`, the newest first.
PayloadKeyList = Annotated[SecretStr, AfterValidator(_checked)]
