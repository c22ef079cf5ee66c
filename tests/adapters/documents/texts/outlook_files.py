"""Outlook messages, written as compound files ([MS-CFB], [MS-OXMSG]): no library writes them."""

import struct
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

SECTOR: Final = 512
END, FREE, FAT, NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF
MINI_CUTOFF: Final = 4096  #: smaller streams would go into a stream of their own; these are filled up instead
UNICODE, BINARY = 0x001F, 0x0102
SUBJECT, BODY, CLASS, SENDER = 0x0037, 0x1000, 0x001A, 0x0C1A
ATTACHED_DATA, ATTACHED_NAME, ATTACHED_METHOD = 0x3701, 0x3707, 0x3705

Storage = Mapping[str, "bytes | Storage"]


def outlook_message(*, subject: str, body: str, attached: tuple[str, bytes]) -> bytes:
    name, content = attached
    attachment = _with_properties(
        {(ATTACHED_NAME, UNICODE): name.encode("utf-16-le"), (ATTACHED_DATA, BINARY): content}, head=8
    )
    texts = {SUBJECT: subject, BODY: body, CLASS: "IPM.Note", SENDER: "Li"}
    message = _with_properties(
        {(tag, UNICODE): text.encode("utf-16-le") for tag, text in texts.items()}, head=32, attachments=1
    )
    return compound_file({**message, "__nameid_version1.0": {}, "__attach_version1.0_#00000000": attachment})


def _with_properties(
    values: Mapping[tuple[int, int], bytes], *, head: int, attachments: int = 0
) -> dict[str, "bytes | Storage"]:
    header = struct.pack("<8x4I8x", 0, attachments, 0, attachments)[:head] if head > 8 else b"\0" * 8
    entries = b"".join(
        struct.pack("<HHIII", kind, tag, 6, len(value) + (2 if kind == UNICODE else 0), 0)
        for (tag, kind), value in values.items()
    )
    if head == 8:
        entries += struct.pack("<HHIII", 0x0003, ATTACHED_METHOD, 6, 1, 0)
    streams = {f"__substg1.0_{tag:04X}{kind:04X}": value for (tag, kind), value in values.items()}
    return {"__properties_version1.0": header + entries, **streams}


def compound_file(root: Storage) -> bytes:
    """Streams below the cutoff go into the mini stream, as the format demands."""
    entries: list[dict[str, object]] = [{"name": "Root Entry", "kind": 5, "data": b"", "child": NONE}]
    _add(entries, 0, root)
    mini, mini_fat = b"", list[int]()
    sectors: list[bytes] = []
    fat: list[int] = []

    def stored(data: bytes) -> int:
        start, count = len(sectors), -(-len(data) // SECTOR)
        for index in range(count):
            sectors.append(data[index * SECTOR : (index + 1) * SECTOR].ljust(SECTOR, b"\0"))
            fat.append(start + index + 1 if index + 1 < count else END)
        return start if count else END

    for entry in entries[1:]:
        data = entry["data"]
        assert isinstance(data, bytes)
        entry["size"] = len(data)
        if entry["kind"] != 2 or not data:
            entry["start"] = END if entry["kind"] == 2 else 0
        elif len(data) >= MINI_CUTOFF:
            entry["start"] = stored(data)
        else:
            count = -(-len(data) // 64)
            entry["start"] = len(mini_fat)
            mini_fat += [len(mini_fat) + index + 1 for index in range(count - 1)] + [END]
            mini += data.ljust(count * 64, b"\0")
    entries[0] |= {"start": stored(mini), "size": len(mini)}
    mini_start = stored(_filled(struct.pack(f"<{len(mini_fat)}I", *mini_fat), b"\xff"))
    directory_start = stored(_filled(b"".join(map(_entry, entries)), b"\0"))
    fat_start = len(sectors)
    fat.append(FAT)
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, 1, directory_start, 0, MINI_CUTOFF, mini_start, -(-len(mini_fat) * 4 // SECTOR), END, 0, fat_start,
    )  # fmt: skip
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(SECTOR, b"\xff")
    assert len(table) == SECTOR
    return header.ljust(SECTOR, b"\xff") + b"".join(sectors) + table


def _filled(content: bytes, filler: bytes) -> bytes:
    return content.ljust(-(-len(content) // SECTOR) * SECTOR, filler)


def _add(entries: list[dict[str, object]], parent: int, storage: Storage) -> None:
    """Children are a chain of right siblings, in the format's order: by length, then by name."""
    names = sorted(storage, key=lambda name: (len(name), name.upper()))
    numbers = []
    for name in names:
        content = storage[name]
        is_stream = isinstance(content, bytes)
        numbers.append(len(entries))
        entries.append(
            {"name": name, "kind": 2 if is_stream else 1, "data": content if is_stream else b"", "child": NONE}
        )
        if not isinstance(content, bytes):
            _add(entries, numbers[-1], content)
    for number, following in pairwise(numbers):
        entries[number]["right"] = following
    entries[parent]["child"] = numbers[0] if numbers else NONE


def _entry(entry: Mapping[str, object]) -> bytes:
    name = str(entry["name"]).encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII36xIII", name, len(name) + 2, entry["kind"], 1, NONE, entry.get("right", NONE), entry["child"],
        entry["start"], entry["size"], 0,
    )  # fmt: skip
