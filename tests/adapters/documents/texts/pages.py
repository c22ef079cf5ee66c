"""Pages drawn for a test: PDFs, and pictures of pages as scanners and phones take them."""

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

INVOICE = (
    (("INVOICE", 60), ("No. INV-2026-0042", 380)),
    (("Seller: Northwind Optics GmbH", 60), ("Date: 2026-11-03", 380)),
    (),
    (("Item", 60), ("Quantity", 260), ("Unit price", 340), ("Amount", 440)),
    (("Laser rangefinder LR-20", 60), ("4", 260), ("1,250.00", 340), ("5,000.00", 440)),
    (("Tripod, carbon", 60), ("4", 260), ("180.50", 340), ("722.00", 440)),
    (("Total EUR", 60), ("5,722.00", 440)),
)
"""Rows of texts with their place from the left, in points."""

INVOICE_LINES = [
    "Item\tQuantity\tUnit price\tAmount",
    "Laser rangefinder LR-20\t4\t1,250.00\t5,000.00",
    "Tripod, carbon\t4\t180.50\t722.00",
    "Total EUR\t\t\t5,722.00",
]

Rows = Sequence[Sequence[tuple[str, float]]]


def drawn_pdf(*pages: Callable[[Canvas], None], password: str | None = None) -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, encrypt=StandardEncryption(password, strength=128) if password else None)
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def rows_on(canvas: Canvas, rows: Rows, *, top: float = 780, pitch: float = 24) -> None:
    for number, row in enumerate(rows):
        for text, left in row:
            canvas.drawString(left, top - number * pitch, text)


def picture_on(canvas: Canvas, picture: Image.Image, *, share: float = 1.0) -> None:
    """At the upper left, over this share of the page's width."""
    from reportlab.lib.utils import ImageReader

    width = 595 * share
    height = width * picture.height / picture.width
    canvas.drawImage(ImageReader(picture), 0, 842 - height, width, height)


def page_picture(rows: Rows = INVOICE, *, dpi: int = 150, size: tuple[int, int] = (595, 842)) -> Image.Image:
    """The rows as a picture of a page, black on white. `size` is in points."""
    scale = dpi / 72
    picture = Image.new("RGB", (round(size[0] * scale), round(size[1] * scale)), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(11 * scale)
    for number, row in enumerate(rows):
        for text, left in row:
            draw.text((left * scale, (60 + number * 24) * scale), text, font=font, fill="black")
    return picture


def photographed(picture: Image.Image) -> Image.Image:
    """As a phone takes it on a desk: from the side, in uneven light, with noise."""
    width, height = picture.size
    corners = [(0.12, 0.06), (0.9, 0.1), (0.95, 0.95), (0.05, 0.9)]
    seen = (round(width * 1.2), round(height * 1.2))
    rows, values = [], []
    for (across, down), (x, y) in zip(corners, [(0, 0), (width, 0), (width, height), (0, height)], strict=True):
        u, v = across * seen[0], down * seen[1]
        rows += [[u, v, 1, 0, 0, 0, -x * u, -x * v], [0, 0, 0, u, v, 1, -y * u, -y * v]]
        values += [x, y]
    matrix = [float(one) for one in np.linalg.solve(np.array(rows), np.array(values))]
    turned = picture.transform(
        seen,
        Image.Transform.PERSPECTIVE,
        [float(one) for one in matrix],
        Image.Resampling.BICUBIC,
        fillcolor=(60, 50, 45),
    )
    down, across = np.mgrid[0 : seen[1], 0 : seen[0]]
    light = 0.6 + 0.45 * np.exp(-(((across / seen[0] - 0.35) / 0.7) ** 2 + ((down / seen[1] - 0.3) / 0.7) ** 2))
    grain = np.random.default_rng(7).normal(0, 8, (seen[1], seen[0], 3))
    shaded = np.asarray(turned.filter(ImageFilter.GaussianBlur(0.6))) * light[..., None] + grain
    return Image.fromarray(shaded.clip(0, 255).astype("uint8"))


def saved(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()
