"""The photographed invoice of `aijobs demo --scan`: `python -m tests.cli.sample_invoice` draws it anew."""

from pathlib import Path
from typing import Final

from PIL import Image

from tests.adapters.documents.texts.pages import page_picture, photographed

TARGET: Final = Path(__file__).parents[2] / "cli" / "samples" / "invoice.jpg"

HEAD: Final = (
    (("Northwind Optics GmbH", 60), ("INVOICE", 440)),
    (("Speicherstrasse 7, 20457 Hamburg", 60),),
    (),
    (("Invoice number: INV-2026-0042", 60), ("Invoice date: 2026-11-03", 340)),
    (("Seller: Northwind Optics GmbH", 60), ("Currency: EUR", 340)),
    (("Buyer: Acme Instruments Ltd", 60), ("Due: 2026-12-03", 340)),
    (),
    (),
)
COLUMNS: Final = (60, 260, 340, 440)
ITEMS: Final = (
    ("Item", "Quantity", "Unit price", "Amount"),
    ("Laser rangefinder LR-20", "4", "1,250.00", "5,000.00"),
    ("Tripod, carbon", "4", "180.50", "722.00"),
    ("Calibration service", "1", "390.00", "390.00"),
)
FOOT: Final = ((), (("Total: 6,112.00", 340),), (), (("Payable within 30 days to DE02 2005 0550 1015 8718 23.", 60),))


def sample_invoice() -> Image.Image:
    items = [tuple(zip(row, COLUMNS, strict=True)) for row in ITEMS]
    return photographed(page_picture([*HEAD, *items, *FOOT], dpi=170, size=(560, 640)))


if __name__ == "__main__":
    sample_invoice().save(TARGET, quality=82)
