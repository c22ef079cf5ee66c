"""The text of a PowerPoint presentation, slide by slide in their order, each with its speaker's notes."""

from collections.abc import Iterator
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
from aijobs.adapters.documents.texts.office.inline_text import InlineText
from aijobs.adapters.documents.texts.pieces import Note, Piece

#: Never entered: properties end with `Pr`; the older form of what is read already; a slide's own number.
_LEFT_OUT: Final = frozenset({"extLst", "transition", "timing", "tags"})
#: Placeholders of notes pages that show the slide again, or its number.
_NOT_NOTES: Final = frozenset({"sldImg", "sldNum", "hdr", "ftr", "dt"})


def powerpoint_pieces(path: Path, *, comments: bool = False) -> Iterator[Piece]:
    """The lines of all slides that are shown. Raises UnreadableFile."""
    with OfficePackage.opened(path) as package:
        main = package.main_part()
        relations, slides = package.relations(main), child(package.xml(main), "sldIdLst")
        for number, slide in enumerate(() if slides is None else slides, 1):
            relation = relations.get(_relation_id(slide))
            root = package.xml(relation.part) if relation is not None else None
            if relation is None or relation.part is None or root is None:
                yield Note(f"slide {number} is missing in the file")
                continue
            hidden = " (hidden)" if attribute(root, "show") in {"0", "false"} else ""
            yield f"## {number}{hidden}"
            yield from _Slide(package, relation.part).lines(root)
            for notes in package.related(relation.part, "notesSlide"):
                yield from _notes(package, notes)
            if comments:
                for part in package.related(relation.part, "comments"):
                    yield from (f"[comment: {text}]" for text in _comments(package.xml(part)))


class _Slide:
    def __init__(self, package: OfficePackage, part: str) -> None:
        self._package = package
        self._relations = package.relations(part)
        self._pictures = 0

    def lines(self, root: Element) -> Iterator[Piece]:
        yield from self._shapes(root)
        if self._pictures:
            yield Note(f"pictures on this slide, whose text is not read unless it is saved as PDF: {self._pictures}")

    def _shapes(self, container: Element) -> Iterator[Piece]:
        for element in container:
            name = local(element)
            if name in _LEFT_OUT or name.endswith("Pr"):
                continue
            if name == "p":
                yield paragraph_text(element)
            elif name == "tbl":
                yield from self._table(element)
            elif name in {"chart", "relIds"}:
                yield from self._drawing(element)
            elif name == "AlternateContent":
                choice = child(element, "Choice")
                yield from self._shapes(element if choice is None else choice)
            elif name in {"pic", "oleObj"}:
                self._pictures += 1
            else:
                yield from self._shapes(element)

    def _drawing(self, element: Element) -> Iterator[str]:
        relation = self._relations.get(attribute(element, "dm") or attribute(element, "id") or "")
        if relation is not None:
            yield from drawing_texts(self._package.xml(relation.part))

    def _table(self, table: Element) -> Iterator[str]:
        for row in (one for one in table if local(one) == "tr"):
            cells = [
                " ".join(paragraph_text(one) for one in cell.iter() if local(one) == "p").strip()
                for cell in row
                if local(cell) == "tc" and attribute(cell, "hMerge") not in {"1", "true"}
            ]
            yield "\t".join(cells)


def paragraph_text(paragraph: Element) -> str:
    inline = InlineText(lambda _: "")
    inline.add(paragraph)
    return inline.text


def _notes(package: OfficePackage, part: str) -> Iterator[str]:
    root = package.xml(part)
    for shape in (one for one in root.iter() if local(one) == "sp") if root is not None else ():
        placeholder = child(shape, "nvSpPr", "nvPr", "ph")
        if attribute(placeholder, "type") not in _NOT_NOTES:
            for paragraph in (one for one in shape.iter() if local(one) == "p"):
                if text := paragraph_text(paragraph).strip():
                    yield f"[notes: {text}]"


def _comments(root: Element | None) -> Iterator[str]:
    for comment in (one for one in root.iter() if local(one) == "cm") if root is not None else ():
        texts = (one.text or "" for one in comment.iter() if local(one) in {"text", "t"})
        yield " ".join(text for text in texts if text.strip())


def _relation_id(slide: Element) -> str:
    """`r:id`, beside the slide's own `id`."""
    return next((str(value) for key, value in slide.items() if key.endswith("}id")), "")
