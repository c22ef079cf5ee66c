"""What only a process itself can see: room on its disks, and until when its certificates and tokens are good."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

GIB: Final = 1024**3


class Room(BaseModel):
    """On the disk of a directory, in bytes. `what`: `data`, or `temp`, where parsers work."""

    model_config = ConfigDict(frozen=True)

    what: str
    path: str
    free: int
    total: int

    @property
    def is_full(self) -> bool:
        """What is written next may not fit: a parser may write 1 GiB."""
        return self.free < GIB

    @property
    def is_low(self) -> bool:
        return self.free < min(5 * GIB, self.total // 10)


class Expiry(BaseModel):
    """Of a certificate or a token. `what`: `certificate` or `token`; `name`: whose, as an operator knows it."""

    model_config = ConfigDict(frozen=True)

    what: str
    name: str
    at: datetime


class HostFacts(BaseModel):
    """Of one process."""

    model_config = ConfigDict(frozen=True)

    rooms: tuple[Room, ...] = ()
    expiries: tuple[Expiry, ...] = ()
