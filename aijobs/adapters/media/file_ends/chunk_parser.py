"""Steps through a file whose bytes come in chunks of any size."""

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias


@dataclass
class Take:
    """Read exactly `size` bytes. `may_end`: a file that ends here is complete."""

    size: int
    may_end: bool = False

    def taken_from(self, buffer: bytearray) -> bytes | None:
        if len(buffer) < self.size:
            return None
        taken = bytes(buffer[: self.size])
        del buffer[: self.size]
        return taken


@dataclass
class Skip:
    """Skip `size` bytes."""

    size: int
    may_end: bool = False

    def taken_from(self, buffer: bytearray) -> bytes | None:
        passed = min(self.size, len(buffer))
        del buffer[:passed]
        self.size -= passed
        return None if self.size else b""


@dataclass
class Find:
    """Skip to the end of the next match, and read the match; none is longer than `longest`."""

    pattern: re.Pattern[bytes]
    longest: int
    may_end: bool = False

    def taken_from(self, buffer: bytearray) -> bytes | None:
        found = self.pattern.search(buffer)
        if found is None:
            del buffer[: max(len(buffer) - self.longest + 1, 0)]
            return None
        match = found[0]
        end = found.end()
        del found  # a match object locks the buffer
        del buffer[:end]
        return match


_ESCAPED: Final = re.compile(rb"\\.", re.DOTALL)


@dataclass
class CloseBrackets:
    """Skip JSON, which is complete when every string and every bracket is closed."""

    depth: int = 0
    in_string: bool = False

    def taken_from(self, buffer: bytearray) -> bytes | None:
        parts = _ESCAPED.sub(b"", buffer).split(b'"')
        cut = parts[-1].endswith(b"\\")  # the escaped byte is not here yet
        del buffer[: len(buffer) - cut]
        outside = b"".join(parts[self.in_string :: 2])
        self.depth += outside.count(b"{") + outside.count(b"[") - outside.count(b"}") - outside.count(b"]")
        self.in_string ^= len(parts) % 2 == 0
        return None

    @property
    def may_end(self) -> bool:
        return self.depth <= 0 and not self.in_string


class ParseStep(Protocol):
    """What a walk waits for. `may_end`: a file that ends here is complete."""

    @property
    def may_end(self) -> bool: ...

    def taken_from(self, buffer: bytearray) -> bytes | None:
        """What was waited for, which is removed from the buffer; None when it is not there yet."""


Walk: TypeAlias = Generator[ParseStep, bytes, None]
