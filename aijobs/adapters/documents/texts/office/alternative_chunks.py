"""Documents of other formats within a Word document (`altChunk`): Word takes their text in when it opens the file."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from aijobs.adapters.documents.encodings.detection import decoded
from aijobs.adapters.documents.texts.html import html_text
from aijobs.adapters.documents.texts.mail import eml_text
from aijobs.adapters.documents.texts.rtf import rtf_text
from aijobs.domain.errors import UnreadableFile


def chunk_text(part: str, content: bytes) -> Iterator[str]:
    """The text of HTML, a saved web page, RTF and plain text. Raises UnreadableFile for another format, by its name."""
    extension = PurePosixPath(part).suffix.lstrip(".")
    start = content[:512].lstrip(b"\xef\xbb\xbf\r\n\t ").lower()
    if start.startswith(b"{\\rtf"):
        yield from rtf_text(content)
    elif start.startswith((b"<!doctype html", b"<html", b"<body")) or extension in {"htm", "html", "xhtml"}:
        yield from html_text(content)
    elif extension in {"mht", "mhtml", "eml"}:
        yield from (piece for piece in eml_text(content) if isinstance(piece, str))
    elif extension == "txt":
        yield from decoded(content).splitlines()
    else:
        raise UnreadableFile(
            f"The Word document takes in another document, a .{extension}, which we do not read there. Open it in Word "
            "and save it again."
        )
