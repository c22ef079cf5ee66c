"""The results of a prediction. The output of a model is any JSON: links, inline data, texts, or objects of these."""

import json
import mimetypes
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit

from aijobs.domain.errors import ProviderFailed
from aijobs.domain.jobs.outputs import OutputKind, OutputSource

LINK_LIFETIME: Final = timedelta(hours=1)  #: after that Replicate erases input, output and logs

_KIND_OF_FAMILY: Final = {
    "image": OutputKind.IMAGE,
    "video": OutputKind.VIDEO,
    "audio": OutputKind.AUDIO,
    "text": OutputKind.TEXT,
}
_KIND_OF_TYPE: Final = {"application/json": OutputKind.JSON, "application/pdf": OutputKind.DOCUMENT}


def sources_in(output: object, *, completed_at: datetime | None) -> list[OutputSource]:
    """The results in order: a text, or all links (and `data:` links) in the output, or the output as JSON."""
    text = _text(output)
    if text is not None:
        return [OutputSource(kind=OutputKind.TEXT, content=text.encode())] if text else []
    links = list(_links(output))
    if links:
        expires_at = completed_at + LINK_LIFETIME if completed_at else None
        return [_source(link, expires_at) for link in links]
    if output in ([], {}):
        return []
    return [OutputSource(kind=OutputKind.JSON, content=json.dumps(output, ensure_ascii=False).encode())]


def _text(output: object) -> str | None:
    """The text of an output that is a string but no link, or a list of tokens; else None."""
    if isinstance(output, str):
        return None if _is_link(output) else output
    if isinstance(output, list) and output and all(isinstance(part, str) for part in output):
        parts = [part for part in output if part]
        return None if parts and all(map(_is_link, parts)) else "".join(parts)
    return None


def _is_link(text: str) -> bool:
    return text.startswith(("https://", "http://", "data:")) and not any(map(str.isspace, text))


def _links(output: Any) -> Iterator[str]:
    match output:
        case str() if _is_link(output):
            yield output
        case list():
            for part in output:
                yield from _links(part)
        case dict():
            for part in output.values():
                yield from _links(part)


def _source(link: str, expires_at: datetime | None) -> OutputSource:
    if link.startswith("data:"):
        return _inline(link)
    return OutputSource(kind=kind_of_link(link), url=link, expires_at=expires_at)


def kind_of_link(link: str) -> OutputKind:
    """By the extension."""
    guessed, _ = mimetypes.guess_type(urlsplit(link).path)
    return _kind(guessed)


def _inline(link: str) -> OutputSource:
    """RFC 2397: `data:[type][;base64],data`."""
    declared, _, data = link.removeprefix("data:").partition(",")
    content = unquote_to_bytes(data)
    if declared.endswith(";base64"):
        try:
            content = b64decode(content, validate=True)
        except Error as unreadable:
            raise ProviderFailed("Replicate gives a data link that cannot be read.") from unreadable
    return OutputSource(kind=_kind(declared.partition(";")[0] or "text/plain"), content=content)


def _kind(media_type: str | None) -> OutputKind:
    """An image by default: most models produce images, and some give links without an extension."""
    if media_type is None:
        return OutputKind.IMAGE
    family = media_type.partition("/")[0]
    return _KIND_OF_TYPE.get(media_type) or _KIND_OF_FAMILY.get(family, OutputKind.OTHER)
