"""Places on a PDF page as it is shown, cropped and turned, of places in the page's own space (PDF 1.7, 8.3.2)."""

import ctypes
from typing import Any, Final

import pypdfium2.raw as pdfium

Page = Any  #: pypdfium2 has no types
Box = tuple[float, float, float, float]  #: left, top, right and bottom in points, from the shown page's upper left

_PARTS: Final = 100  #: of a point, in which PDFium is asked for whole numbers
_FAR: Final = 1000  #: points between the places that are asked for


class PageSpace:
    """`width` and `height` are those of the shown page, in points; `turns` counts its quarter turns to the right."""

    def __init__(self, page: Page) -> None:
        self.width, self.height = map(float, page.get_size())
        self.turns = int(page.get_rotation()) // 90
        self._left, self._top = self._place(page, 0, 0)
        right, up = self._place(page, _FAR, 0), self._place(page, 0, _FAR)
        self._right = (right[0] - self._left) / _FAR, (right[1] - self._top) / _FAR
        self._up = (up[0] - self._left) / _FAR, (up[1] - self._top) / _FAR

    def _place(self, page: Page, x: int, y: int) -> tuple[float, float]:
        across, down = ctypes.c_int(), ctypes.c_int()
        size = (max(1, round(self.width * _PARTS)), max(1, round(self.height * _PARTS)))
        pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, across, down)
        return across.value / _PARTS, down.value / _PARTS

    def shown(self, left: float, bottom: float, right: float, top: float) -> Box:
        """A box of the page's own space."""
        x0, y0 = self._shown(left, bottom)
        x1, y1 = self._shown(right, top)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)

    def _shown(self, x: float, y: float) -> tuple[float, float]:
        return (
            self._left + x * self._right[0] + y * self._up[0],
            self._top + x * self._right[1] + y * self._up[1],
        )

    def parts(self, box: Box, whole: int) -> tuple[int, int, int, int]:
        """A shown box in parts of the page's width and height."""
        x0, y0, x1, y1 = box
        across, down = whole / max(self.width, 1e-3), whole / max(self.height, 1e-3)
        return round(x0 * across), round(y0 * down), round(x1 * across), round(y1 * down)
