"""Plain texts: which encoding they are in, and their text."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aijobs.domain.errors import FileTooLarge, UnreadableFile

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def plain_pieces(path: Path, *, max_bytes: int) -> Iterator[str]:
    if path.stat().st_size > 2 * max_bytes:  # UTF-16 and GB18030 may shrink when they become UTF-8, not by more
        raise too_long(max_bytes)
    yield decoded(path.read_bytes()).replace("\r\n", "\n")


def decoded(content: bytes) -> str:
    """UTF-8 or UTF-16 with a byte order mark, UTF-8 without, else GB18030. Raises UnreadableFile."""
    try:
        text = content.decode(_encoding_of(content))
    except UnicodeDecodeError as undecodable:
        raise UnreadableFile("The file is no text in UTF-8, UTF-16 or GB18030.") from undecodable
    if _CONTROLS.search(text):
        raise UnreadableFile("The file's name is that of a text, but it is something else.")
    return text


def decoded_as(content: bytes, charset: str | None) -> str:
    """In the encoding that a document declares; in a detected one when it declares none, or a wrong one.

    Raises UnreadableFile.
    """
    try:
        return content.decode(_ENCODING_OF.get((charset or "").lower(), charset or "utf-8"))
    except (UnicodeDecodeError, LookupError):
        return decoded(content)


def too_long(max_bytes: int) -> FileTooLarge:
    return FileTooLarge(f"The document has more than {max_bytes:,} bytes of text, the most that we take.")


def _encoding_of(content: bytes) -> str:
    if content.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


#: Encodings that are declared by the name of a smaller one (WHATWG Encoding Standard, 4.2).
_ENCODING_OF: Final = {
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "gb_2312-80", "chinese"), "gb18030"),
    **dict.fromkeys(("iso-8859-1", "latin1", "us-ascii", "ascii"), "cp1252"),
    **dict.fromkeys(("ks_c_5601-1987", "euc-kr", "ksc5601"), "cp949"),
    **dict.fromkeys(("shift_jis", "sjis", "x-sjis"), "cp932"),
    "big5": "big5hkscs",
    "iso-8859-9": "cp1254",
    "tis-620": "cp874",
    "utf-8": "utf-8-sig",
}
