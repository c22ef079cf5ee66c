"""PDFs: forms, notes, hyphens, tables, columns, turned text; what is a picture, and what needs a password."""

from pathlib import Path

import pytest
from reportlab.lib.colors import white
from reportlab.pdfgen.canvas import Canvas

from aijobs.adapters.documents.reader import DocumentReader
from aijobs.domain.errors import UnreadableFile
from tests.adapters.documents.conftest import Parse
from tests.adapters.documents.texts.pages import INVOICE, INVOICE_LINES, drawn_pdf, page_picture, picture_on, rows_on

PASSWORD = "open sesame"


def form(canvas: Canvas) -> None:
    canvas.drawString(72, 700, "Buyer name:")
    canvas.acroForm.textfield(name="buyer", x=160, y=690, width=200, height=20, value="Alice Example")
    canvas.acroForm.choice(name="unit", x=160, y=650, width=100, height=20, value="EUR", options=["EUR", "CNY"])


def test_filled_form_fields_are_read(parse: Parse) -> None:
    text = parse(drawn_pdf(form), "a.pdf").text

    assert "Buyer name:\tAlice Example" in text
    assert "EUR" in text


def test_form_fields_without_an_appearance_are_read(parse: Parse) -> None:
    document = drawn_pdf(form)
    bare = document.replace(b"/AP ", b"/XX ").replace(b"/AP<<", b"/XX<<").replace(b"/NeedAppearances false", b"")

    assert bare != document
    assert "Alice Example" in parse(bare, "a.pdf").text


def test_free_text_notes_are_read(parse: Parse) -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Amount: 5")
        canvas.freeTextAnnotation("checked by Li", Rect=[72, 600, 300, 640], DA="/Helv 12 Tf 0 g", relative=0)

    assert parse(drawn_pdf(page), "a.pdf").text.split("\n") == ["Amount: 5", "checked by Li"]


async def test_each_word_has_its_place_on_the_page_as_it_is_shown(reader: DocumentReader) -> None:
    def plain(canvas: Canvas) -> None:
        canvas.drawString(100, 700, "Invoice")

    def cropped_and_turned(canvas: Canvas) -> None:
        canvas.drawString(100, 500, "Invoice")
        canvas.setCropBox((50, 400, 350, 550))
        canvas.setPageRotation(90)

    first, second = (await reader.read(drawn_pdf(plain, cropped_and_turned), "a.pdf")).pages

    width, height = 595.27, 841.89
    (word, left, top, _, bottom), *rest = first.words
    assert (first.number, second.number, word, rest) == (1, 2, "Invoice", [])
    assert (left, bottom) == pytest.approx((1e4 * 100 / width, 1e4 * (height - 700) / height), abs=40)
    assert top < bottom
    ((word, left, top, right, bottom),) = second.words
    assert (left, top) == pytest.approx((1e4 * 100 / 150, 1e4 * 50 / 300), abs=200)
    assert bottom - top > right - left > 0


@pytest.mark.parametrize(
    ("above", "below", "joined"),
    [
        ("The invoice number is INV-", "2026-001 of May", "INV-2026-001"),
        ("The parties agree on the settle-", "ment of all claims", "settlement"),
        ("Please quote No. HT-", "Q of this year", "HT-Q"),
        ("Rated in the grade A-", "Next year again", "A-\nNext"),
        ("Amounts in CNY -", "without tax in all cases", "CNY -\nwithout"),
    ],
)
def test_hyphens_at_line_ends(parse: Parse, above: str, below: str, joined: str) -> None:
    document = drawn_pdf(lambda canvas: rows_on(canvas, [[(above, 72)], [(below, 72)]], pitch=14))

    assert joined in parse(document, "a.pdf").text


def test_a_number_that_is_broken_in_a_cell_is_whole(parse: Parse) -> None:
    rows = [[("Invoice", 72), ("Amount", 200)], [("INV-", 72), ("5,000.00", 200)], [("2026-001", 72)]]
    document = drawn_pdf(lambda canvas: rows_on(canvas, rows, pitch=14))

    assert "INV-2026-001\t5,000.00" in parse(document, "a.pdf").text


@pytest.mark.parametrize("pitch", [14, 24, 40])
def test_tables_keep_their_columns(parse: Parse, pitch: float) -> None:
    document = drawn_pdf(lambda canvas: rows_on(canvas, INVOICE, pitch=pitch))

    lines = [line for line in parse(document, "a.pdf").text.splitlines() if line]
    assert lines[-4:] == INVOICE_LINES
    assert lines[0] == "INVOICE\tNo. INV-2026-0042"


def test_columns_of_prose_are_read_one_after_the_other(parse: Parse) -> None:
    left = [f"left column line {number} goes on" for number in range(8)]
    right = [f"right column line {number} goes on" for number in range(8)]
    rows = [[(one, 60), (other, 330)] for one, other in zip(left, right, strict=True)]

    lines = parse(drawn_pdf(lambda canvas: rows_on(canvas, rows, pitch=14)), "a.pdf").text.splitlines()
    assert [line for line in lines if line] == left + right


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_turned_text_is_read(parse: Parse, angle: int) -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "upright")
        canvas.translate(300, 400)
        canvas.rotate(angle)
        canvas.drawString(0, 0, "turned text")

    assert "turned text" in parse(drawn_pdf(page), "a.pdf").text


def test_pages_are_numbered_and_an_empty_one_is_named(parse: Parse) -> None:
    document = parse(drawn_pdf(lambda canvas: canvas.drawString(72, 700, "one"), lambda _: None, form), "a.pdf")

    assert document.notes == ("page 2 has no text",)
    assert document.text.startswith("[page 1]\none\n[page 2]\n[page 2 has no text]\n[page 3]\nBuyer")


def test_a_scan_that_is_not_recognised_is_named_page_by_page(parse: Parse) -> None:
    def scan(canvas: Canvas) -> None:
        picture_on(canvas, page_picture())

    document = parse(drawn_pdf(lambda canvas: canvas.drawString(72, 700, "one"), scan), "a.pdf")
    assert document.notes == ("page 2 is a picture, whose text is not read here",)
    with pytest.raises(UnreadableFile, match="its pages are pictures"):
        parse(drawn_pdf(scan, scan), "a.pdf")


def test_an_invisible_layer_is_used_and_marked(parse: Parse) -> None:
    def page(canvas: Canvas) -> None:
        picture_on(canvas, page_picture())
        layer = canvas.beginText(60, 780)
        layer.setTextRenderMode(3)
        for line in INVOICE_LINES:
            layer.textLine(line.replace("\t", " "))
        canvas.drawText(layer)

    document = parse(drawn_pdf(page), "a.pdf")
    assert "Laser rangefinder" in document.text
    assert "another program" in document.notes[0]


def test_comments_are_read_by_a_switch(parse: Parse) -> None:
    def page(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Amount: 5")
        canvas.textAnnotation("too low", Rect=[72, 600, 90, 618], relative=0)

    assert parse(drawn_pdf(page), "a.pdf").text == "Amount: 5"
    assert "[comment: too low]" in parse(drawn_pdf(page), "a.pdf", comments=True).text


def pdf_whose_letters_mean(**characters: str) -> bytes:
    """A page with these letters, each of which means a character: as its font says, in UTF-16."""
    meant = "".join(f"<{ord(letter):02X}> <{char.encode('utf-16-be').hex()}> " for letter, char in characters.items())
    unicodes = f"begincmap {len(characters)} beginbfchar {meant} endbfchar endcmap"
    shown = f"BT /F1 20 Tf 72 700 Td ({''.join(characters)}) Tj ET"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 4 0 R>>>>/Contents 5 0 R>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
        *(f"<</Length {len(stream)}>>stream\n{stream}\nendstream" for stream in (shown, unicodes)),
    ]
    numbered = "".join(f"{number} 0 obj\n{content}\nendobj\n" for number, content in enumerate(objects, 1))
    return f"%PDF-1.7\n{numbered}trailer<</Size 7/Root 1 0 R>>\n%%EOF".encode()


async def test_characters_beyond_the_first_plane_are_whole(reader: DocumentReader) -> None:
    document = await reader.read(pdf_whose_letters_mean(A="𠮷", B="野", C="😀"), "a.pdf")

    assert document.text == "𠮷野😀"
    assert [word for word, *_ in document.pages[0].words] == ["𠮷野😀"]


def test_white_text_is_text(parse: Parse) -> None:
    def page(canvas: Canvas) -> None:
        canvas.setFillColor(white)
        canvas.drawString(72, 700, "white on white")

    assert parse(drawn_pdf(page), "a.pdf").text.strip() == "white on white"


def test_a_password_opens_what_is_encrypted(parse: Parse) -> None:
    document = drawn_pdf(lambda canvas: canvas.drawString(72, 700, "secret"), password=PASSWORD)

    assert parse(document, "a.pdf", password=PASSWORD).text.strip() == "secret"
    with pytest.raises(UnreadableFile, match="Send its password along"):
        parse(document, "a.pdf")
    with pytest.raises(UnreadableFile, match="the password is wrong"):
        parse(document, "a.pdf", password="wrong")


async def test_a_page_that_is_not_there_is_named(reader: DocumentReader) -> None:
    document = drawn_pdf(lambda canvas: canvas.drawString(72, 700, "one"))

    for number in (0, 2):
        with pytest.raises(UnreadableFile, match=f"There is no page {number}"):
            await reader.page_picture(document, "a.pdf", number)


async def test_what_is_kept_of_an_encrypted_document_needs_no_password(
    reader: DocumentReader, parse: Parse, tmp_path: Path
) -> None:
    path = tmp_path / "locked"
    path.write_bytes(drawn_pdf(lambda canvas: canvas.drawString(72, 700, "secret"), password=PASSWORD))

    async with reader.checked(path, "a.pdf", password=PASSWORD) as checked:
        kept = checked.path.read_bytes()
    assert parse(kept, "a.pdf").text.strip() == "secret"


async def test_a_needless_password_changes_nothing(reader: DocumentReader, tmp_path: Path) -> None:
    path = tmp_path / "open"
    path.write_bytes(drawn_pdf(form))

    async with reader.checked(path, "a.pdf", password=PASSWORD) as checked:
        assert checked.path == path
