"""XML that is read while it is unpacked: element after element, without keeping any."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import IO, Any, Final

from lxml import etree

from aijobs.domain.errors import UnreadableFile

Element = Any  #: of lxml, which has no types

_SAFE: Final = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


def events(content: IO[bytes], *names: str) -> Iterator[tuple[str, Element]]:
    """The start and the end of each element of these local names.

    Raises UnreadableFile for XML that defines entities, and lxml's errors for what is no XML.
    """
    return _parsed(content, ("start", "end"), names)


def _parsed(content: IO[bytes], kinds: Sequence[str], names: Sequence[str]) -> Iterator[tuple[str, Element]]:
    parser = etree.iterparse(content, events=kinds, tag=[f"{{*}}{name}" for name in names], **_SAFE)
    is_first = True
    for event, element in parser:
        if is_first and element.getroottree().docinfo.internalDTD is not None:
            raise UnreadableFile("The file defines entities of its own, as no office program does.")
        is_first = False
        yield event, element


def elements(content: IO[bytes], *names: str) -> Iterator[Element]:
    """Each element of these local names, complete; it must not be used after the next one was asked for.

    None of them may be within another. Raises what `events` raises.
    """
    for _, element in _parsed(content, ("end",), names):
        yield element
        forget(element)


def forget(element: Element) -> None:
    """Free an element that is complete, and those before it."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def name_of(element: Element) -> str:
    """Without its namespace, which differs in the Strict variant."""
    return _without_namespace(element.tag)


@lru_cache(maxsize=1024)
def _without_namespace(tag: str) -> str:
    return tag[tag.rfind("}") + 1 :]
