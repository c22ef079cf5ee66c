"""The end of a TIFF file: the furthest byte that its directories name.

A file is read once, from its beginning, so what a directory says of bytes before it counts as there.
Sources: TIFF 6.0; the BigTIFF design of libtiff.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from aijobs.adapters.media.file_ends.chunk_parser import ParseStep, Skip, Take, Walk

Order = Literal["little", "big"]

_TYPE_BYTES: Final = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_PIECES: Final = ((273, 279), (324, 325))  #: the tags of the places and the lengths of strips, and of tiles
_FIRST_PRIVATE: Final = 32768  #: what private tags say may be outdated: programs copy them as they are
_MOST_ENTRIES: Final = 4096
_MOST_PIECES: Final = 1 << 20
_MOST_PAGES: Final = 10_000


class _Entry(NamedTuple):
    item_bytes: int
    items: int
    value: bytes  #: the values when they fit, else where they are


@dataclass
class _Position:
    """Where the walk is, and how far the file must reach."""

    order: Order
    at: int
    end: int = 0

    def number(self, written: bytes) -> int:
        return int.from_bytes(written, self.order)

    def take(self, size: int) -> Generator[ParseStep, bytes, bytes]:
        taken = yield Take(size)
        self.at += size
        return taken

    def skip_to(self, place: int) -> Generator[ParseStep, bytes, bool]:
        """Whether the place is still to come."""
        if place < self.at:
            return False
        yield Skip(place - self.at)
        self.at = place
        return True


def tiff() -> Walk:
    head = yield Take(4)
    position = _Position("little" if head[:2] == b"II" else "big", at=4)
    wide = 8 if 43 in head[2:] else 4  #: bytes of a number
    if wide == 8:
        yield from position.take(4)
    directory = position.number((yield from position.take(wide)))
    for _ in range(_MOST_PAGES):
        if directory == 0 or not (yield from position.skip_to(directory)):
            break
        entries, directory = yield from _directory(position, wide)
        for tag, entry in entries.items():
            if tag < _FIRST_PRIVATE and (place := _place(position, entry, wide)):
                position.end = max(position.end, place + entry.item_bytes * entry.items)
        for places, lengths in _PIECES:
            if places in entries and lengths in entries:
                yield from _pieces(position, entries[places], entries[lengths], wide)
    yield from position.skip_to(position.end)


def _directory(position: _Position, wide: int) -> Generator[ParseStep, bytes, tuple[dict[int, _Entry], int]]:
    """The entries by tag, and where the next directory is: 0 for nowhere, also when this one is irregular."""
    count = position.number((yield from position.take(2 if wide == 4 else 8)))
    if count > _MOST_ENTRIES:
        return {}, 0
    size = 4 + 2 * wide
    table = yield from position.take(count * size + wide)
    entries = {}
    for at in range(0, count * size, size):
        tag, kind = position.number(table[at : at + 2]), position.number(table[at + 2 : at + 4])
        items = position.number(table[at + 4 : at + 4 + wide])
        entries[tag] = _Entry(_TYPE_BYTES.get(kind, 0), items, table[at + 4 + wide : at + size])
    return entries, position.number(table[-wide:])


def _pieces(position: _Position, places: _Entry, lengths: _Entry, wide: int) -> Generator[ParseStep, bytes, None]:
    """Take account of strips or tiles, whose two lists come in either order, within the entry or apart from it."""
    lengths_first = _place(position, lengths, wide) < _place(position, places, wide)
    first = yield from _values(position, lengths if lengths_first else places, wide)
    second = yield from _values(position, places if lengths_first else lengths, wide)
    for place, length in zip(*((second, first) if lengths_first else (first, second)), strict=False):
        position.end = max(position.end, place + length)


def _place(position: _Position, entry: _Entry, wide: int) -> int:
    return 0 if entry.item_bytes * entry.items <= wide else position.number(entry.value)


def _values(position: _Position, entry: _Entry, wide: int) -> Generator[ParseStep, bytes, Sequence[int]]:
    """Nothing when they are before this position, or too many."""
    size = entry.item_bytes
    if size == 0 or entry.items > _MOST_PIECES:
        return ()
    written = entry.value[: size * entry.items]
    if place := _place(position, entry, wide):
        if not (yield from position.skip_to(place)):
            return ()
        written = yield from position.take(size * entry.items)
    return [position.number(written[at : at + size]) for at in range(0, len(written), size)]
