"""How the page of a job shows its outputs: pictures, players, texts, or files to download."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aijobs.domain.errors import NotFound, StoreUnavailable
from aijobs.domain.jobs.outputs import SHOWN_BY_BROWSERS, OutputKind
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.values.media import MediaFacts
from aijobs.persistence.tables import OutputRow
from dashboard.page import PageRequest

MAX_TEXT_BYTES: Final = 64 * 1024
"""At most so much of a text output is shown on the page."""

TEXTS: Final = frozenset({OutputKind.TEXT, OutputKind.JSON})

#: Kinds that a page shows, if the media type cannot run code.
MANNERS: Final[Mapping[OutputKind, str]] = {
    OutputKind.IMAGE: "image",
    OutputKind.VIDEO: "video",
    OutputKind.AUDIO: "audio",
}


@dataclass(frozen=True)
class ShownOutput:
    """`manner` is how the page shows it: image, video, audio, text or file. `text`: the beginning of a text."""

    output: OutputRow
    manner: str
    text: str | None = None

    @property
    def is_cut(self) -> bool:
        return self.output.size > MAX_TEXT_BYTES

    @property
    def media(self) -> MediaFacts | None:
        return MediaFacts.model_validate(self.output.media) if self.output.media else None

    @property
    def has_poster(self) -> bool:
        """A video that was looked into, or a sound that can be drawn."""
        if self.media is None:
            return False
        return self.manner == "video" or self.media.can_be_drawn(self.output.size)


async def shown_output(visit: PageRequest, output: OutputRow) -> ShownOutput:
    if output.kind in TEXTS and (text := await _beginning(visit.store, output)) is not None:
        return ShownOutput(output, "text", text)
    if output.kind in MANNERS and output.media_type.startswith(SHOWN_BY_BROWSERS):
        return ShownOutput(output, MANNERS[output.kind])
    return ShownOutput(output, "file")


async def _beginning(store: ObjectStore, output: OutputRow) -> str | None:
    """The beginning of a stored text; None when it cannot be read now."""
    content = bytearray()
    try:
        async for chunk in store.read(output.key):
            content += chunk
            if len(content) >= MAX_TEXT_BYTES:
                break
    except (NotFound, StoreUnavailable):
        return None
    return content[:MAX_TEXT_BYTES].decode("utf-8", "replace")
