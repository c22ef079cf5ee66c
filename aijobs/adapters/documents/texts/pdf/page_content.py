"""What a PDF page consists of: visible and invisible text, pictures, curves. A scan is told from a text by it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium

from aijobs.adapters.documents.texts.pdf.page_space import Page, PageSpace
from aijobs.adapters.documents.texts.pdf.page_words import PageText

SCAN_SHARE: Final = 0.5  #: of the page that pictures cover: more, with hardly any text, is a scan
FEW_TEXTS: Final = 5  #: text objects, such as a page number or a stamp
PICTURE_SHARE: Final = 0.02  #: of the page: a smaller picture is an ornament
LETTERED_CURVES: Final = 20  #: curves on a page without text: as many may be letters
FEW_WORDS: Final = 5  #: of an invisible layer: too few to be the page's text
MAX_OBJECT_DEPTH: Final = 4

_INVISIBLE: Final = 3  #: PDF 1.7, 9.3.6: neither filled nor stroked


@dataclass(frozen=True, kw_only=True)
class PageContent:
    """`pictures`: the share of the page that they cover, at most 1."""

    visible_texts: int = 0
    invisible_texts: int = 0
    curves: int = 0
    pictures: float = 0.0

    @classmethod
    def of(cls, page: Page) -> "PageContent":
        visible = invisible = curves = 0
        covered, space = 0.0, PageSpace(page)
        for item in page.get_objects(max_depth=MAX_OBJECT_DEPTH):
            if item.type == pdfium.FPDF_PAGEOBJ_TEXT:
                is_hidden = pdfium.FPDFTextObj_GetTextRenderMode(item) == _INVISIBLE
                invisible, visible = invisible + is_hidden, visible + (not is_hidden)
            elif item.type == pdfium.FPDF_PAGEOBJ_IMAGE:
                covered += _area(item, space)
            elif item.type == pdfium.FPDF_PAGEOBJ_PATH:
                curves += 1
        return cls(
            visible_texts=visible,
            invisible_texts=invisible,
            curves=curves,
            pictures=min(1.0, covered / max(space.width * space.height, 1.0)),
        )

    def is_picture(self, text: PageText) -> bool:
        """Whether the page's text must be recognised in its picture."""
        if text.is_nonsense:
            return True
        if text.count == 0:
            return self.pictures > PICTURE_SHARE or self.curves >= LETTERED_CURVES
        if self.invisible_texts and self.visible_texts < FEW_TEXTS:
            return text.count < FEW_WORDS and self.pictures > SCAN_SHARE
        return self.pictures > SCAN_SHARE and self.visible_texts < FEW_TEXTS

    def has_foreign_layer(self) -> bool:
        """Whether the text is an invisible one over a scan, by a program that recognised it."""
        return self.invisible_texts > 0 and self.visible_texts < FEW_TEXTS and self.pictures > SCAN_SHARE

    def has_pictures_beside(self) -> bool:
        """Whether there are pictures between the text, such as a letterhead, that may say more."""
        return self.pictures > PICTURE_SHARE


def _area(item: Any, space: PageSpace) -> float:
    """Within the shown page."""
    try:
        left, top, right, bottom = space.shown(*map(float, item.get_bounds()))
    except pypdfium2.PdfiumError:
        return 0.0
    across, down = min(right, space.width) - max(left, 0.0), min(bottom, space.height) - max(top, 0.0)
    return max(0.0, across) * max(0.0, down)


def attached_names(document: Any) -> Iterator[str]:
    """The names of the files that a PDF carries along."""
    for index in range(document.count_attachments()):
        try:
            yield document.get_attachment(index).get_name() or "a file without a name"
        except pypdfium2.PdfiumError:
            yield "a file without a name"
