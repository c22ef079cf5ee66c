"""Checks that a file is of the kind that the model declares."""

from dataclasses import replace
from typing import Final

from aijobs.adapters.media.sniffing import HTML, MP4, SVG, TEXT, UNKNOWN, WEBM, XML, Media
from aijobs.domain.errors import OutputRefused
from aijobs.domain.jobs.outputs import OutputKind

#: the detected kinds that are accepted, by the expected kind
ACCEPTED_KINDS: Final = {
    OutputKind.IMAGE: {OutputKind.IMAGE},
    OutputKind.VIDEO: {OutputKind.VIDEO},
    OutputKind.AUDIO: {OutputKind.AUDIO},
    OutputKind.TEXT: {OutputKind.TEXT, OutputKind.JSON},
    OutputKind.JSON: {OutputKind.JSON},
    OutputKind.DOCUMENT: {OutputKind.DOCUMENT, OutputKind.TEXT, OutputKind.JSON},
    OutputKind.OTHER: set(OutputKind),
}

_LABELS: Final = {
    OutputKind.IMAGE: "an image",
    OutputKind.VIDEO: "a video",
    OutputKind.AUDIO: "audio",
    OutputKind.TEXT: "text",
    OutputKind.JSON: "JSON",
    OutputKind.DOCUMENT: "a document",
    OutputKind.OTHER: "something else",
}

_NAMES: Final = {HTML: "HTML", SVG: "SVG", XML: "XML", UNKNOWN: "something unknown"}


def checked_media(media: Media, expect: OutputKind) -> Media:
    """The media type under which the file is stored. Raises OutputRefused when it is not of the expected kind."""
    media = _as_audio(media) if expect is OutputKind.AUDIO else media
    if expect is OutputKind.TEXT and media in {HTML, SVG, XML}:
        return TEXT  # a text model may be asked to write those; stored as text they are harmless
    if media.kind not in ACCEPTED_KINDS[expect]:
        received = _NAMES.get(media, media.media_type)
        raise OutputRefused(f"The output was promised to be {_LABELS[expect]}, but it is {received}.")
    if expect is OutputKind.TEXT:
        return TEXT  # whatever was detected
    return media if expect is OutputKind.OTHER else replace(media, kind=expect)


def _as_audio(media: Media) -> Media:
    """These containers may hold audio only; their signature is the same."""
    if media == MP4:
        return Media("audio/mp4", "m4a", OutputKind.AUDIO)
    if media == WEBM:
        return Media("audio/webm", "webm", OutputKind.AUDIO)
    return media
