"""Plain texts, and texts in the encoding that a document declares."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aijobs.adapters.documents.encodings.detection import decoded
from aijobs.domain.errors import FileTooLarge


def plain_pieces(path: Path, *, max_bytes: int) -> Iterator[str]:
    if path.stat().st_size > 2 * max_bytes:  # UTF-16 and GB18030 may shrink when they become UTF-8, not by more
        raise too_long(max_bytes)
    yield decoded(path.read_bytes()).replace("\r\n", "\n")


def decoded_as(content: bytes, charset: str | None) -> str:
    """In the encoding that a document declares; in a detected one when it declares none, or a wrong one.

    Raises UnreadableFile.
    """
    try:
        return content.decode(_ENCODING_OF.get((charset or "").lower(), charset or "utf-8"))
    except (ValueError, LookupError):  # of names that are none, or of codecs that are no encodings of texts, too
        return decoded(content)


def too_long(max_bytes: int) -> FileTooLarge:
    return FileTooLarge(f"The document has more than {max_bytes:,} bytes of text, the most that we take.")


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
