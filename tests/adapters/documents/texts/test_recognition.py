"""Recognising the text of scans and photos, page by page, in a guarded process of its own."""

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps
from reportlab.pdfgen.canvas import Canvas

from aijobs.adapters.documents.reader import DocumentReader
from aijobs.adapters.documents.settings import DocumentSettings, RecognitionSettings
from aijobs.adapters.documents.texts.page_layout import Word, laid_out_text
from aijobs.adapters.documents.texts.recognition.engine import RecognitionEngine
from aijobs.domain.documents.formats import DocumentKind
from aijobs.domain.documents.page_words import PAGE_PARTS, Box, union
from aijobs.domain.errors import FileTooLarge, UnreadableFile
from tests.adapters.documents.texts.pages import (
    INVOICE_LINES,
    drawn_pdf,
    page_picture,
    photographed,
    picture_on,
    saved,
)

SMALL = (595, 300)  #: a slip in points: recognised in about a second


@pytest.fixture(scope="module")
def engine() -> RecognitionEngine:
    return RecognitionEngine(max_side=2000)


def around(words: list[Word]) -> Box | None:
    return union(tuple(part / PAGE_PARTS for part in word.on_page) for word in words if word.on_page)  # type: ignore[misc]


def ink_of(page: Image.Image) -> Box:
    left, top, right, bottom = ImageOps.invert(page.convert("L")).getbbox() or (0, 0, 0, 0)
    return left / page.width, top / page.height, right / page.width, bottom / page.height


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_is_recognised_whichever_way_it_lies(engine: RecognitionEngine, turn: int) -> None:
    page = page_picture().rotate(turn, expand=True)
    found = engine.recognised(page)

    lines = laid_out_text(found.words).splitlines()
    assert [line for line in lines if line][-4:] == INVOICE_LINES
    assert found.score > 0.95
    assert around(found.words) == pytest.approx(ink_of(page), abs=0.015)


def test_a_photo_of_a_page_is_recognised(engine: RecognitionEngine) -> None:
    found = engine.recognised(photographed(page_picture(dpi=200)))

    text = laid_out_text(found.words)
    for line in INVOICE_LINES[:3]:
        assert line in text
    assert "No. INV-2026-0042" in text


def test_an_empty_page_has_no_words(engine: RecognitionEngine) -> None:
    assert engine.recognised(Image.new("RGB", (800, 600), "white")).words == []


def slip(*texts: str) -> Image.Image:
    return page_picture([[(text, 60)] for text in texts], size=SMALL)


@pytest.mark.parametrize("words", ["faint words", "Total amount 5,722.00", "page 7"])
def test_words_that_stand_alone_on_a_page_are_not_missed(engine: RecognitionEngine, words: str) -> None:
    page = Image.new("RGB", (1654, 2339), "white")
    ImageDraw.Draw(page).text((167, 167), words, font_size=30, fill="black")

    assert laid_out_text(engine.recognised(page).words) == words


async def test_a_scan_among_pages_with_text_is_in_its_place(reader: DocumentReader) -> None:
    document = await reader.read(
        drawn_pdf(
            lambda canvas: canvas.drawString(72, 700, "first page"),
            lambda canvas: picture_on(canvas, slip("Total amount 5,722.00")),
            lambda canvas: canvas.drawString(72, 700, "third page"),
        ),
        "a.pdf",
    )

    assert document.kind is DocumentKind.PDF
    said = ["[page 1]", "first page", "[page 2]", "Total amount 5,722.00", "[page 3]", "third page"]
    assert document.text.splitlines() == said
    assert document.notes == ()


async def test_a_letterhead_that_is_a_picture_is_read_beside_the_text(reader: DocumentReader) -> None:
    def page(canvas: Canvas) -> None:
        picture_on(canvas, slip("Northwind Optics GmbH"))
        canvas.drawString(60, 400, "Invoice number INV-7")

    text = (await reader.read(drawn_pdf(page), "a.pdf")).text

    assert [line for line in text.splitlines() if line] == ["Northwind Optics GmbH", "Invoice number INV-7"]


def with_letterhead(canvas: Canvas) -> None:
    canvas.drawInlineImage(slip("Northwind Optics GmbH"), 100, 500, 400, 202)
    canvas.drawString(160, 450, "Invoice number INV-7")


def turned(canvas: Canvas) -> None:
    canvas.setPageRotation(90)
    canvas.translate(842, 0)
    canvas.rotate(90)
    with_letterhead(canvas)


def cropped(canvas: Canvas) -> None:
    canvas.setCropBox((90, 400, 540, 760))
    with_letterhead(canvas)


@pytest.mark.parametrize("page", [turned, cropped])
async def test_of_a_page_that_is_turned_or_cropped_all_is_read_once(
    reader: DocumentReader, page: Callable[[Canvas], None]
) -> None:
    text = (await reader.read(drawn_pdf(page), "a.pdf")).text

    assert [line for line in text.splitlines() if line] == ["Northwind Optics GmbH", "Invoice number INV-7"]


async def test_a_picture_with_several_pages(reader: DocumentReader) -> None:
    content = saved(slip("first fax page"), "TIFF", save_all=True, append_images=[slip("second fax page")])

    document = await reader.read(content, "fax.tif")
    assert document.kind is DocumentKind.PICTURE
    assert document.text.splitlines() == ["[page 1]", "first fax page", "[page 2]", "second fax page"]
    assert [(page.number, [word for word, *_ in page.words]) for page in document.pages] == [
        (1, ["first fax page"]),
        (2, ["second fax page"]),
    ]


async def test_a_photo_that_a_phone_has_turned(reader: DocumentReader) -> None:
    turned, exif = slip("Receipt number 4711").rotate(90, expand=True), Image.Exif()
    exif[0x0112] = 6

    assert (await reader.read(saved(turned, exif=exif), "a.jpg")).text == "Receipt number 4711"


async def test_a_picture_on_a_clear_ground(reader: DocumentReader) -> None:
    clear = Image.new("RGBA", (900, 300), (0, 0, 0, 0))
    ImageDraw.Draw(clear).text((60, 100), "Receipt number 4711", font_size=40, fill=(0, 0, 0, 255))

    assert (await reader.read(saved(clear, "PNG"), "a.png")).text == "Receipt number 4711"


async def test_a_picture_without_text_is_refused(reader: DocumentReader) -> None:
    with pytest.raises(UnreadableFile, match=r"No text can be read in the picture\. page 1 is not read: nothing"):
        await reader.read(saved(Image.new("RGB", (400, 300), "white")), "a.jpg")


async def test_what_cannot_be_read_with_certainty_is_named_and_left_out() -> None:
    strict = DocumentReader(DocumentSettings(ocr=RecognitionSettings(min_score=1)))
    document = await strict.read(
        drawn_pdf(
            lambda canvas: canvas.drawString(72, 700, "first page"),
            lambda canvas: picture_on(canvas, slip("faint words")),
        ),
        "a.pdf",
    )

    assert "faint" not in document.text
    assert document.notes[0].startswith("page 2 is not read: it cannot be read with certainty")
    assert f"[{document.notes[0]}]" in document.text


async def test_more_scans_than_the_limit_are_refused_before_any_is_recognised() -> None:
    short = DocumentReader(DocumentSettings(ocr=RecognitionSettings(max_pages=1)))
    scans = [lambda canvas: picture_on(canvas, slip("a"))] * 2

    with pytest.raises(FileTooLarge, match="2 pages that are pictures; 1 is the most"):
        await short.read(drawn_pdf(*scans), "a.pdf")


async def test_a_page_that_takes_too_long_loses_itself_only() -> None:
    hasty = DocumentReader(DocumentSettings(ocr=RecognitionSettings(patience=timedelta(milliseconds=1))))
    document = await hasty.read(
        drawn_pdf(
            lambda canvas: canvas.drawString(72, 700, "first page"),
            lambda canvas: picture_on(canvas, slip("second")),
        ),
        "a.pdf",
    )

    assert document.text.splitlines()[1] == "first page"
    assert document.notes == ("page 2 is not read: it cannot be recognised within our limits of time and memory",)


async def test_recognising_may_be_switched_off(tmp_path: Path) -> None:
    without = DocumentReader(DocumentSettings(ocr=RecognitionSettings(enabled=False)))

    with pytest.raises(UnreadableFile, match="its pages are pictures"):
        await without.read(drawn_pdf(lambda canvas: picture_on(canvas, slip("a"))), "a.pdf")
    with pytest.raises(UnreadableFile, match="No text can be read in the picture"):
        await without.read(saved(slip("a")), "a.jpg")


async def test_checking_an_upload_recognises_nothing(reader: DocumentReader, tmp_path: Path) -> None:
    path = tmp_path / "scan"
    path.write_bytes(drawn_pdf(lambda canvas: picture_on(canvas, page_picture())))

    async with reader.checked(path, "a.pdf") as checked:
        assert (checked.kind, checked.path) == (DocumentKind.PDF, path)


@pytest.mark.parametrize("cut", [200, 2000])
async def test_a_damaged_picture_is_refused(reader: DocumentReader, cut: int) -> None:
    with pytest.raises(UnreadableFile):
        await reader.read(saved(slip("a"), "PNG")[:cut], "a.png")


async def test_a_picture_that_would_need_too_much_memory_is_refused(reader: DocumentReader) -> None:
    target = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(target, "PNG")

    with pytest.raises(FileTooLarge, match="pixels"):
        await reader.read(target.getvalue(), "a.png")
