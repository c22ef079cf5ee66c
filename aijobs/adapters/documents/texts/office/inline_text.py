"""The text within a Word paragraph: runs, tracked changes, fields, symbols, equations, and what floats beside it.

What is not known here is entered: new containers of Office lose no text. Only what is listed is left out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from aijobs.adapters.documents.archives.office_package import Element, attribute, child, is_on, local
from aijobs.adapters.documents.texts.office.symbol_fonts import sign_at, with_signs

#: Never entered: deleted text, instructions of fields, properties, the other form of what is read already.
LEFT_OUT: Final = frozenset(
    {
        *("del", "moveFrom", "delText", "instrText", "delInstrText", "proofErr", "footnoteRef", "endnoteRef"),
        *("annotationRef", "sectPr", "tblGrid", "fldData", "txbxContent", "rt", "shapetype", "formulas"),
    }
)

_CHARACTERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("tab", "ptab"), "\t"),
    **dict.fromkeys(("br", "cr"), "\n"),
    "noBreakHyphen": "-",
    "softHyphen": "",
}
_CHECKED, _UNCHECKED = "☑", "☐"


@dataclass
class InlineText:
    """Collects what a paragraph says. `boxes` are the contents of its text boxes, `pictures` counts its pictures.

    `note` gives the text of a foot- or endnote, or of a comment, by the element that refers to it.
    """

    note: Callable[[Element], str]
    pieces: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    references: list[Element] = field(default_factory=list)
    pictures: int = 0
    objects: int = 0
    _font: str | None = None  #: of the run that is read

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def add(self, element: Element) -> None:
        """All that the element says, whatever it is."""
        name = local(element)
        if name == "txbxContent":
            self.boxes.append(element)
        elif name in LEFT_OUT or (name.endswith("Pr") and name != "ffData"):
            return
        elif name == "t":
            self.pieces.append(with_signs(element.text or "", self._font))
        elif name in _CHARACTERS:
            self.pieces.append(_CHARACTERS[name])
        elif name in _SPECIAL:
            _SPECIAL[name](self, element)
        else:
            self._add_all(element)

    def _add_all(self, element: Element) -> None:
        for inner in element:
            self.add(inner)

    def _run(self, element: Element) -> None:
        properties = child(element, "rPr")
        if not is_on(child(properties, "vanish")):
            self._font = attribute(child(properties, "rFonts"), "ascii")
            self._add_all(element)

    def _alternatives(self, element: Element) -> None:
        """The first form that says something; they are the same content for newer and older programs."""
        for alternative in element:
            other = InlineText(self.note)
            other._add_all(alternative)
            if other.text.strip() or other.boxes or other.references or other.pictures or other.objects:
                self._take(other)
                return

    def _take(self, other: "InlineText") -> None:
        self.pieces += other.pieces
        self.boxes += other.boxes
        self.references += other.references
        self.pictures += other.pictures
        self.objects += other.objects

    def _symbol(self, element: Element) -> None:
        code = int(attribute(element, "char") or "fffd", 16)
        self.pieces.append(sign_at(code, attribute(element, "font") or ""))

    def _reference(self, element: Element) -> None:
        if text := self.note(element):
            self.pieces.append(f" [{text}]")

    def _form_field(self, element: Element) -> None:
        """A form's check box or list keeps its value beside the text."""
        box, choice = child(element, "ffData", "checkBox"), child(element, "ffData", "ddList")
        if box is not None:
            state = child(box, "checked")
            self.pieces.append(_CHECKED if is_on(child(box, "default") if state is None else state) else _UNCHECKED)
        if choice is not None:
            entries = [attribute(entry, "val") or "" for entry in choice if local(entry) == "listEntry"]
            chosen = attribute(child(choice, "result"), "val") or attribute(child(choice, "default"), "val") or "0"
            if chosen.isdecimal() and int(chosen) < len(entries):
                self.pieces.append(entries[int(chosen)])

    def _word_art(self, element: Element) -> None:
        self.pieces.append(attribute(element, "string") or "")

    def _picture(self, element: Element) -> None:
        self.pictures += 1

    def _object(self, element: Element) -> None:
        self.objects += 1

    def _part(self, element: Element) -> None:
        self.references.append(element)

    def _fraction(self, element: Element) -> None:
        self.pieces.append(f"{_grouped(self._said(element, 'num'))}/{_grouped(self._said(element, 'den'))}")

    def _script(self, element: Element) -> None:
        """A base with an index, an exponent, or both."""
        self.pieces.append(self._said(element, "e"))
        for name, sign in (("sub", "_"), ("sup", "^")):
            if script := self._said(element, name):
                self.pieces.append(sign + _grouped(script))

    def _root(self, element: Element) -> None:
        self.pieces.append(f"{self._said(element, 'deg')}√{_grouped(self._said(element, 'e'))}")

    def _sum(self, element: Element) -> None:
        self.pieces.append(attribute(child(element, "naryPr", "chr"), "val") or "∫")
        for name, sign in (("sub", "_"), ("sup", "^")):
            if limit := self._said(element, name):
                self.pieces.append(sign + _grouped(limit))
        self.pieces.append(f" {self._said(element, 'e')}")

    def _delimited(self, element: Element) -> None:
        declared = child(element, "dPr")
        first, between, last = (
            "" if sign is not None and attribute(sign, "val") in {None, ""} else attribute(sign, "val") or usual
            for sign, usual in ((child(declared, name), usual) for name, usual in _DELIMITERS)
        )
        self.pieces.append(f"{first}{between.join(self._each_said(element))}{last}")

    def _matrix(self, element: Element) -> None:
        rows = (" ".join(self._each_said(row)) for row in element if local(row) == "mr")
        self.pieces.append("; ".join(rows))

    def _said(self, element: Element, name: str) -> str:
        inner = InlineText(self.note)
        part = child(element, name)
        if part is not None:
            inner._add_all(part)
        return inner.text

    def _each_said(self, element: Element) -> Iterator[str]:
        for part in element:
            if local(part) == "e":
                inner = InlineText(self.note)
                inner._add_all(part)
                yield inner.text


def _grouped(text: str) -> str:
    """In brackets when it is more than one number or name."""
    return text if text.replace(".", "").isalnum() else f"({text})"


_DELIMITERS: Final = (("begChr", "("), ("sepChr", "|"), ("endChr", ")"))
_SPECIAL: Final[Mapping[str, Callable[[InlineText, Element], None]]] = {
    "r": InlineText._run,
    "AlternateContent": InlineText._alternatives,
    "sym": InlineText._symbol,
    **dict.fromkeys(("footnoteReference", "endnoteReference", "commentReference"), InlineText._reference),
    "fldChar": InlineText._form_field,
    "textpath": InlineText._word_art,
    **dict.fromkeys(("blip", "imagedata"), InlineText._picture),
    "OLEObject": InlineText._object,
    **dict.fromkeys(("chart", "relIds"), InlineText._part),
    "f": InlineText._fraction,
    **dict.fromkeys(("sSub", "sSup", "sSubSup"), InlineText._script),
    "rad": InlineText._root,
    "nary": InlineText._sum,
    "d": InlineText._delimited,
    "m": InlineText._matrix,
}
