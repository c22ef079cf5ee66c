"""What documents point at: the targets of links, headings, and paths that they name."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_FENCE: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`([^`\n]+)`")
_PATH: Final = re.compile(r"[a-z_]+(/[\w.-]+)+/?")


def broken_links(document: Path) -> Iterator[str]:
    """Links to files that are not there, or to headings that they do not have. Links to the web are not followed."""
    for target in _LINK.findall(_FENCE.sub("", document.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path) if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


def anchors(document: Path) -> set[str]:
    """As GitHub names a document's headings."""
    headings = _HEADING.findall(_FENCE.sub("", document.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named_paths(text: str, folders: set[str]) -> Iterator[str]:
    """What stands in back quotes and looks like a path that begins in one of these folders."""
    for quoted in _CODE.findall(text):
        if _PATH.fullmatch(quoted) and quoted.partition("/")[0] in folders:
            yield quoted
