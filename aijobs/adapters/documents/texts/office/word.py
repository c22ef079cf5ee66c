"""The text of a Word document: all of it, in the order in which a reader meets it.

No library keeps all of a Word text (docs/decisions/0023-readers-of-documents.md). Headers come first and footers last,
each line of them once; text boxes follow their paragraph, foot- and endnotes stand in brackets where they are referred
to. Deleted, moved-away and hidden text stays out.
"""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from aijobs.adapters.documents.archives.office_package import (
    Element,
    OfficePackage,
    attribute,
    child,
    drawing_texts,
    local,
)
from aijobs.adapters.documents.texts.office.alternative_chunks import chunk_text
from aijobs.adapters.documents.texts.office.inline_text import LEFT_OUT, InlineText
from aijobs.adapters.documents.texts.office.numbering import Numbering
from aijobs.adapters.documents.texts.pieces import Note
from aijobs.domain.errors import UnreadableFile

MAX_DEPTH: Final = 50  #: of containers, tables and text boxes within each other

_NOTES: Final = {"footnoteReference": "footnotes", "endnoteReference": "endnotes", "commentReference": "comments"}
_SEPARATORS: Final = frozenset({"separator", "continuationSeparator", "continuationNotice"})
_BLOCKS: Final = frozenset({"p", "tbl", "altChunk"})


def word_pieces(path: Path, *, comments: bool = False) -> Iterator[str]:
    """The lines of the document. Raises UnreadableFile. `comments`: those of the document's reviewers are read too."""
    with OfficePackage.opened(path) as package:
        yield from WordDocument(package, package.main_part(), comments=comments).pieces()


class WordDocument:
    """A main part with all that it refers to."""

    def __init__(self, package: OfficePackage, part: str, *, comments: bool, is_inner: bool = False) -> None:
        self._package = package
        self._main = part
        self._comments = comments
        self._is_inner = is_inner
        self._numbering = Numbering.of(package.related_xml(part, "numbering"), package.related_xml(part, "styles"))
        self._notes = {
            reference: {attribute(note, "id") or "": note for note in root}
            for reference, kind in _NOTES.items()
            if (root := package.related_xml(part, kind)) is not None and (comments or kind != "comments")
        }
        self._part = part
        self._depth = 0
        self._in_note = False
        self._carried = ""  #: of a paragraph whose end was deleted: it runs on into the next one
        self._pictures = 0
        self._objects = 0

    def pieces(self) -> Iterator[str]:
        root = self._package.xml(self._main)
        body = child(root, "body")
        if body is None:
            raise UnreadableFile("The Word document is damaged: it has no text body.")
        yield from self._margins(body, "headerReference")
        self._part = self._main
        yield from self._blocks(body)
        yield from self._margins(body, "footerReference")
        if self._pictures:
            yield Note(f"pictures in the document, whose text is not read unless it is saved as PDF: {self._pictures}")
        if self._objects:
            yield Note(f"embedded files in the document, which are not read: {self._objects}")

    def _margins(self, body: Element, reference: str) -> Iterator[str]:
        """Headers or footers, each different line once."""
        relations, seen = self._package.relations(self._main), set[str]()
        parts = dict.fromkeys(
            relations[relation_id].part
            for element in body.iter()
            if local(element) == reference and (relation_id := attribute(element, "id") or "") in relations
        )
        for part in parts:
            root = self._package.xml(part)
            if part is None or root is None:
                continue
            self._part = part
            for line in self._blocks(root):
                if line.strip() and line not in seen:
                    seen.add(line)
                    yield line

    def _blocks(self, container: Element) -> Iterator[str]:
        """Paragraphs and tables, whatever containers they are in."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UnreadableFile("The Word document is nested too deeply.")
        for element in container:
            name = local(element)
            if (name not in LEFT_OUT or name == "txbxContent") and not name.endswith("Pr"):
                yield from self._block(element, name)
        if self._carried:
            yield self._carried
            self._carried = ""
        self._depth -= 1

    def _block(self, element: Element, name: str) -> Iterator[str]:
        if name == "p":
            yield from self._paragraph(element)
        elif name == "tbl":
            yield from self._table(element)
        elif name == "altChunk":
            yield from self._chunk(element)
        elif any(local(inner) in _BLOCKS for inner in element.iter()):
            yield from self._blocks(_chosen(element))
        else:
            yield from self._inline(element)

    def _paragraph(self, element: Element) -> Iterator[str]:
        collected = self._collected(element)
        mark = child(element, "pPr", "rPr")
        if child(mark, "del") is not None or child(mark, "moveFrom") is not None:
            self._carried += collected.text
            lines = []
        else:
            number, text = self._numbering.number_of(element), self._carried + collected.text
            self._carried = ""
            lines = [f"{number} {text}".strip() if number else text]
        yield from lines
        yield from self._beside(collected)

    def _inline(self, element: Element) -> Iterator[str]:
        collected = self._collected(element)
        if collected.text.strip():
            yield collected.text
        yield from self._beside(collected)

    def _collected(self, element: Element) -> InlineText:
        collected = InlineText(self._note)
        for inner in element:
            collected.add(inner)
        self._pictures += collected.pictures
        self._objects += collected.objects
        return collected

    def _beside(self, collected: InlineText) -> Iterator[str]:
        """Text boxes, charts and diagrams, which float beside a paragraph."""
        for box in collected.boxes:
            yield from self._blocks(box)
        relations = self._package.relations(self._part)
        for reference in collected.references:
            relation = relations.get(attribute(reference, "dm") or attribute(reference, "id") or "")
            if relation is not None:
                yield from drawing_texts(self._package.xml(relation.part))

    def _table(self, table: Element) -> Iterator[str]:
        """A line for each row. A cell that is merged downwards is said in each of its rows."""
        above: dict[int, str] = {}
        for row in _within(table, "tr"):
            if child(row, "trPr", "del") is not None:
                continue
            cells, at = [], _integer(attribute(child(row, "trPr", "gridBefore"), "val"), 0)
            for cell in _within(row, "tc"):
                properties = child(cell, "tcPr")
                if child(properties, "cellDel") is not None:
                    continue
                merge = child(properties, "vMerge")
                text = " ".join(" ".join(self._blocks(cell)).split())
                if merge is not None and attribute(merge, "val") != "restart":
                    text = text or above.get(at, "")
                above[at] = text if merge is not None else ""
                cells.append(text)
                at += _integer(attribute(child(properties, "gridSpan"), "val"), 1)
            yield "\t".join(cells)

    def _note(self, reference: Element) -> str:
        """A foot- or endnote's text, or with its author a comment's; empty when there is none."""
        note = self._notes.get(local(reference), {}).get(attribute(reference, "id") or "")
        if note is None or attribute(note, "type") in _SEPARATORS or self._in_note:
            return ""
        self._in_note = True
        text = " ".join(" ".join(self._blocks(note)).split())
        self._in_note = False
        if local(note) != "comment":
            return text
        return f"comment by {attribute(note, 'author') or 'somebody'}: {text}"

    def _chunk(self, chunk: Element) -> Iterator[str]:
        """A document that Word takes in when it opens this one."""
        relation = self._package.relations(self._part).get(attribute(chunk, "id") or "")
        content = self._package.content(relation.part) if relation is not None and relation.part else None
        if relation is None or relation.part is None or content is None:
            raise UnreadableFile("The Word document takes in another document, which is not in the file.")
        if not zipfile.is_zipfile(BytesIO(content)):
            yield from chunk_text(relation.part, content)
            return
        if self._is_inner:
            raise UnreadableFile("The Word document takes in others that take in others again. Save it again in Word.")
        with zipfile.ZipFile(BytesIO(content)) as archive:
            package = OfficePackage(archive)
            inner = WordDocument(package, package.main_part(), comments=self._comments, is_inner=True)
            yield from inner.pieces()


def _chosen(element: Element) -> Element:
    """Of alternative contents the first one with a block; else the element itself."""
    if local(element) != "AlternateContent":
        return element
    return next(
        (one for one in element if any(local(inner) in _BLOCKS for inner in one.iter())),
        element,
    )


def _within(container: Element, name: str) -> Iterator[Element]:
    """Rows or cells, also within content controls, custom XML and tracked changes."""
    for element in container:
        found = local(element)
        if found == name:
            yield element
        elif found not in LEFT_OUT and not found.endswith("Pr") and found not in _BLOCKS:
            yield from _within(element, name)


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default
