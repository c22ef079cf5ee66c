"""Files that go to a vendor inside of the request: `data:` links, as `attach` returns them, and what is in them."""

import base64
from collections.abc import Collection
from typing import Final

from aijobs.domain.errors import ProviderFailed
from aijobs.domain.provider_io import InputFile

_START: Final = "data:"
_ENCODED: Final = ";base64,"


async def data_link(file: InputFile, *, label: str, at_most: int, media_types: Collection[str] = ()) -> str:
    """The file as a `data:` link. Raises ProviderFailed when it is larger, in bytes, or of none of the types."""
    if file.size > at_most:
        raise ProviderFailed(f"{label} takes files up to {at_most} bytes inside of a request.")
    if media_types and file.media_type not in media_types:
        raise ProviderFailed(f"{label} takes {', '.join(media_types)}, and {file.name} is {file.media_type}.")
    content = b"".join([chunk async for chunk in file.chunks()])
    return f"{_START}{file.media_type}{_ENCODED}{base64.b64encode(content).decode()}"


def parts_of(link: str) -> tuple[str, str]:
    """The media type and the base64 of a link that `data_link` has made."""
    media_type, _, encoded = link.removeprefix(_START).partition(_ENCODED)
    return media_type, encoded
