"""The text of an OpenDocument text (ODF 1.3): with headers, footers, notes, text boxes, tables and numbered lists."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lxml import etree

from aijobs.adapters.documents.archives.office_package import Element, attribute, child, local, parsed_xml
from aijobs.adapters.documents.texts.office.numerals import written_number
from aijobs.adapters.documents.texts.pieces import Note
from aijobs.domain.errors import UnreadableFile

MAX_REPEATED: Final = 1000  #: spaces, or equal rows
BULLET: Final = "•"

#: Deleted text, what only prepares a text, and the readings of ruby.
_LEFT_OUT: Final = frozenset(
    {
        *("tracked-changes", "ruby-text", "sequence-decls", "variable-decls", "user-field-decls", "forms", "scripts"),
        *("note-citation", "annotation-end", "bookmark", "soft-page-break", "hidden-text", "hidden-paragraph", "title"),
        *("desc", "table-of-content-source", "alphabetical-index-source", "index-title-template"),
    }
)
_FORMATS: Final = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"} | {
    "一, 二, 三, ...": "chineseCounting",
    "壹, 贰, 叁, ...": "chineseLegalSimplified",
    "①, ②, ③, ...": "decimalEnclosedCircle",
    "甲, 乙, 丙, ...": "ideographTraditional",
}


def opendocument_pieces(path: Path, *, comments: bool = False) -> Iterator[str]:
    """Raises UnreadableFile."""
    try:
        with zipfile.ZipFile(path) as archive:
            content = parsed_xml(archive.read("content.xml"))
            styles = parsed_xml(archive.read("styles.xml")) if "styles.xml" in archive.namelist() else None
    except (zipfile.BadZipFile, KeyError, etree.LxmlError, OSError, NotImplementedError) as broken:
        raise UnreadableFile("The document is damaged.") from broken
    yield from _Document(content, styles, comments=comments).pieces()


class _Document:
    def __init__(self, content: Element, styles: Element | None, *, comments: bool) -> None:
        self._content = content
        self._styles = styles
        self._comments = comments
        roots = [root for root in (styles, content) if root is not None]
        self._lists = {
            attribute(style, "name") or "": _levels(style)
            for root in roots
            for style in root.iter()
            if local(style) in {"list-style", "outline-style"}
        }
        self._outline = next(
            (_levels(one) for root in roots for one in root.iter() if local(one) == "outline-style"), {}
        )
        self._counts: dict[str, dict[int, int]] = {}  #: of lists, by their styles
        self._heading_counts: dict[int, int] = {}
        self._boxes: list[Element] = []
        self._pictures = self._objects = 0

    def pieces(self) -> Iterator[str]:
        yield from self._margins("header")
        body = child(self._content, "body", "text")
        if body is None:
            raise UnreadableFile("The document is damaged: it has no text.")
        yield from self._blocks(body)
        yield from self._margins("footer")
        if self._pictures:
            yield Note(f"pictures in the document, whose text is not read unless it is saved as PDF: {self._pictures}")
        if self._objects:
            yield Note(f"embedded objects, such as formulas and charts, which are not read: {self._objects}")

    def _margins(self, kind: str) -> Iterator[str]:
        seen = set[str]()
        for element in () if self._styles is None else self._styles.iter():
            if local(element) in {kind, f"{kind}-left", f"{kind}-first"}:
                for line in self._blocks(element):
                    if line.strip() and line not in seen:
                        seen.add(line)
                        yield line

    def _blocks(self, container: Element, style: str = "", level: int = 0) -> Iterator[str]:
        for element in container:
            name = local(element)
            if name in _LEFT_OUT or attribute(element, "display") == "none":
                continue
            if name in {"p", "h"}:
                yield from self._paragraph(element)
            elif name == "table":
                yield from self._table(element)
            elif name == "list":
                yield from self._list(element, attribute(element, "style-name") or style, level + 1)
            elif name == "frame":
                yield from self._frame(element)
            else:
                yield from self._blocks(element, style, level)

    def _list(self, element: Element, style: str, level: int) -> Iterator[str]:
        if attribute(element, "continue-numbering") != "true":
            self._counts.setdefault(style, {}).pop(level, None)
        for item in element:
            blocks = self._blocks(item, style, level)
            if local(item) == "list-item":
                first = next(blocks, None)
                starts_list = len(item) > 0 and local(item[0]) == "list"
                if first is not None:
                    yield first if starts_list else f"{self._number(style, level, item)} {first}".strip()
            yield from blocks

    def _number(self, style: str, level: int, item: Element) -> str:
        declared = self._lists.get(style, {}).get(level)
        if declared is None or local(declared) != "list-level-style-number":
            return BULLET if declared is not None else ""
        counts = self._counts.setdefault(style, {})
        start = attribute(item, "start-value") or (None if level in counts else attribute(declared, "start-value"))
        counts[level] = int(start) if start and start.isdecimal() else counts.get(level, 0) + 1
        for deeper in [one for one in counts if one > level]:
            del counts[deeper]
        return _numbered(declared, self._lists[style], counts, level)

    def _heading_number(self, heading: Element) -> str:
        level = int(attribute(heading, "outline-level") or "1")
        declared = self._outline.get(level)
        if declared is None or not attribute(declared, "num-format"):
            return ""
        counts = self._heading_counts
        counts[level] = counts.get(level, 0) + 1
        for deeper in [one for one in counts if one > level]:
            del counts[deeper]
        return _numbered(declared, self._outline, counts, level)

    def _paragraph(self, element: Element) -> Iterator[str]:
        text, boxes = self._inline(element), self._boxes
        self._boxes = []
        if local(element) == "h" and text.strip():
            text = f"{self._heading_number(element)} {text}".strip()
        yield text
        for box in boxes:
            yield from self._blocks(box)

    def _frame(self, frame: Element) -> Iterator[str]:
        self._see_frame(frame)
        boxes, self._boxes = self._boxes, []
        for box in boxes:
            yield from self._blocks(box)

    def _see_frame(self, frame: Element) -> None:
        for element in frame:
            name = local(element)
            if name == "text-box":
                self._boxes.append(element)
            elif name in {"object", "object-ole"}:
                self._objects += 1
                return  # a picture of it follows
            elif name == "image":
                self._pictures += 1
                return

    def _inline(self, element: Element) -> str:
        pieces = [element.text or ""]
        for inner in element:
            pieces += [self._said(inner), inner.tail or ""]
        return "".join(pieces)

    def _said(self, element: Element) -> str:
        name = local(element)
        match name:
            case "s":
                return " " * min(int(attribute(element, "c") or "1"), MAX_REPEATED)
            case "tab" | "line-break":
                return "\t" if name == "tab" else "\n"
            case "note":
                body = child(element, "note-body")
                return f" [{' '.join(' '.join(self._blocks(body)).split())}]" if body is not None else ""
            case "annotation":
                return f" [comment: {self._comment(element)}]" if self._comments else ""
            case "frame":
                self._see_frame(element)
            case "custom-shape" | "text-box":
                self._boxes.append(element)
            case _:
                return "" if name in _LEFT_OUT else self._inline(element)
        return ""

    def _comment(self, annotation: Element) -> str:
        return " ".join(" ".join(self._inline(one) for one in annotation if local(one) == "p").split())

    def _table(self, table: Element) -> Iterator[str]:
        for row in _rows(table):
            cells: list[str] = []
            for cell in row:
                if local(cell) in {"table-cell", "covered-table-cell"}:
                    text = " ".join(" ".join(self._blocks(cell)).split())
                    cells += [text] * min(int(attribute(cell, "number-columns-repeated") or "1"), MAX_REPEATED)
            yield "\t".join(cells).rstrip()


def _rows(table: Element) -> Iterator[Element]:
    for element in table:
        name = local(element)
        if name == "table-row":
            yield element
        elif name in {"table-header-rows", "table-rows", "table-row-group"}:
            yield from _rows(element)


def _levels(style: Element) -> dict[int, Element]:
    return {int(attribute(level, "level") or "0"): level for level in style if attribute(level, "level")}


def _numbered(declared: Element, levels: Mapping[int, Element], counts: Mapping[int, int], level: int) -> str:
    number_format = attribute(declared, "num-format") or ""
    if not number_format:
        return ""
    shown = int(attribute(declared, "display-levels") or "1")
    numbers = []
    for at in range(max(1, level - shown + 1), level + 1):
        own = attribute(levels[at], "num-format") if at in levels else number_format
        if own:
            numbers.append(written_number(counts.get(at, 1), _FORMATS.get(own, "decimal")))
    prefix, suffix = attribute(declared, "num-prefix") or "", attribute(declared, "num-suffix") or ""
    return f"{prefix}{'.'.join(numbers)}{suffix}"
