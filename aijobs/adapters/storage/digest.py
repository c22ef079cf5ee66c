"""Size and checksums of a stream."""

import hashlib
from base64 import b64encode

from zlib_ng import zlib_ng  # the same CRC-32 as zlib's, ten times as fast


class Digest:
    """Updated chunk by chunk. SHA-256 is stored with the output, CRC-32 is compared by S3."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._crc32 = 0

    def update(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._sha256.update(chunk)
        self._crc32 = zlib_ng.crc32(chunk, self._crc32)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def crc32(self) -> str:
        return _in_base64(self._crc32)


def crc32_of(part: bytes | bytearray) -> str:
    """As S3 writes it: big-endian, base64."""
    return _in_base64(zlib_ng.crc32(part))


def _in_base64(crc32: int) -> str:
    return b64encode(crc32.to_bytes(4, "big")).decode()
