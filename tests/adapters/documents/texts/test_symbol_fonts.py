"""Signs of symbol fonts: boxes and Greek letters, the same places in several fonts."""

import pytest

from tests.adapters.documents.conftest import Parse
from tests.adapters.documents.texts.office_files import docx, paragraph, run


def symbol(font: str, place: str) -> str:
    return f'<w:r><w:sym w:font="{font}" w:char="{place}"/></w:r>'


@pytest.mark.parametrize(
    ("font", "place", "sign"),
    [
        ("Wingdings 2", "00A3", "☐"),
        ("Wingdings 2", "0052", "☑"),
        ("Wingdings 2", "F052", "☑"),
        ("Wingdings", "F0FE", "☑"),
        ("Wingdings", "00A8", "☐"),
        ("Wingdings", "F021", "[symbol F021]"),
        ("Wingdings", "0021", "[symbol F021]"),
        ("Symbol", "F0A3", "≤"),
        ("Symbol", "F052", "Ρ"),
        ("Symbol", "0061", "α"),
        ("Some other", "F0FE", "☑"),
        ("Some other", "4E00", "一"),
    ],
)
def test_a_sign_is_that_of_its_font(parse: Parse, font: str, place: str, sign: str) -> None:
    assert parse(docx(paragraph(symbol(font, place), run(" yes"))), "a.docx").text == f"{sign} yes"


def test_letters_of_a_run_are_signs_of_its_font(parse: Parse) -> None:
    runs = [
        f'<w:r><w:rPr><w:rFonts w:ascii="{font}"/></w:rPr><w:t>\uf0a3</w:t></w:r>' for font in ("Wingdings 2", "Symbol")
    ]

    assert parse(docx(paragraph(*runs, run("\uf0fc 5"))), "a.docx").text == "☐≤✓ 5"
