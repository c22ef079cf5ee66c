"""Whether a file is what a model promises to make."""

from dataclasses import replace
from typing import Final

from aijobs.adapters.media.sniffing import HTML, MP4, SVG, TEXT, UNKNOWN, WEBM, XML, Media
from aijobs.domain.errors import OutputRefused
from aijobs.domain.jobs.outputs import OutputKind

#: the kinds that keep a promise
KEEPS: Final = {
    OutputKind.IMAGE: {OutputKind.IMAGE},
    OutputKind.VIDEO: {OutputKind.VIDEO},
    OutputKind.AUDIO: {OutputKind.AUDIO},
    OutputKind.TEXT: {OutputKind.TEXT, OutputKind.JSON},
    OutputKind.JSON: {OutputKind.JSON},
    OutputKind.DOCUMENT: {OutputKind.DOCUMENT, OutputKind.TEXT, OutputKind.JSON},
    OutputKind.OTHER: set(OutputKind),
}

_WORDS: Final = {
    OutputKind.IMAGE: "an image",
    OutputKind.VIDEO: "a video",
    OutputKind.AUDIO: "audio",
    OutputKind.TEXT: "text",
    OutputKind.JSON: "JSON",
    OutputKind.DOCUMENT: "a document",
    OutputKind.OTHER: "something else",
}

_NAMES: Final = {HTML: "HTML", SVG: "SVG", XML: "XML", UNKNOWN: "something unknown"}


def kept_promise(media: Media, expect: OutputKind) -> Media:
    """What the file counts as. Raises OutputRefused when it is not what was promised."""
    media = _as_audio(media) if expect is OutputKind.AUDIO else media
    if expect is OutputKind.TEXT and media in {HTML, SVG, XML}:
        return TEXT  # a text model may well be asked to write those; stored as text they do nothing
    if media.kind not in KEEPS[expect]:
        came = _NAMES.get(media, media.media_type)
        raise OutputRefused(f"The output was promised to be {_WORDS[expect]}, but it is {came}.")
    if expect is OutputKind.TEXT:
        return TEXT  # whatever it looks like
    return media if expect is OutputKind.OTHER else replace(media, kind=expect)


def _as_audio(media: Media) -> Media:
    """These containers hold sound alone as well, and look the same from outside."""
    if media == MP4:
        return Media("audio/mp4", "m4a", OutputKind.AUDIO)
    if media == WEBM:
        return Media("audio/webm", "webm", OutputKind.AUDIO)
    return media
