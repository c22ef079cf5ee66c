"""Office files as different programs pack them: all are read by their own relations; what is dangerous is refused."""

import io
import zipfile
from collections.abc import Callable, Mapping

import pytest

from tests.adapters.documents.makers import XLSX_PARTS, archive, word
from tests.adapters.documents.parsing import refusal_of, rows_in, text_in
from tests.adapters.documents.spreadsheets.makers import texts, xlsx

DOCTYPE = b'<?xml version="1.0"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://a.example/p.dtd"><plist/>'
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET = f"<worksheet {MAIN}><sheetData>{texts(1, 'A')}{texts(2, 'x')}</sheetData></worksheet>"
COLUMNS = {"A": "string"}
VBA = "application/vnd.ms-office.vbaProject"

Change = Callable[[dict[str, bytes]], Mapping[str, bytes]]


def repacked(content: bytes, change: Change) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    return archive(dict(change(parts)))


def renamed(content: bytes, names: Mapping[str, str], words: Mapping[bytes, bytes] | None = None) -> bytes:
    """Parts under other names, and other words in all of them."""

    def change(parts: dict[str, bytes]) -> dict[str, bytes]:
        found = {names.get(name, name): part for name, part in parts.items()}
        for old, new in (words or {}).items():
            found = {name: part.replace(old, new) for name, part in found.items()}
        return found

    return repacked(content, change)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("word/printerSettings1.bin", DOCTYPE),
        ("word/printerSettings1.plist", DOCTYPE),
        ("word/media/image1.svg", b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "s.dtd"><svg/>'),
        ("word/media/image2.emf", b"\x01\0\0\0 <!ENTITY "),
        ("word/embeddings/page.html", b"<!DOCTYPE html><html></html>"),
    ],
)
def test_only_parts_that_are_parsed_are_searched_for_entities(name: str, part: bytes) -> None:
    content = repacked(word("body"), lambda parts: {**parts, name: part})

    assert text_in(content, "a.docx").strip() == "body"
    table = repacked(xlsx([["A"], ["x"]]), lambda parts: {**parts, name.replace("word/", "xl/"): part})
    assert rows_in(table, "a.xlsx", COLUMNS) == [{"A": "x"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", ["word/document.xml", "word/_rels/document.xml.rels", "word/footnotes.xml"])
def test_entities_in_what_is_parsed_are_refused(name: str, encoding: str) -> None:
    part = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>'.encode(encoding)

    assert "defines entities" in refusal_of(repacked(word("body"), lambda parts: {**parts, name: part}), "a.docx")


def test_entities_behind_a_long_comment_are_refused_by_the_parser() -> None:
    prologue = f"<!--{'-x' * 3000}--><!DOCTYPE a [<!ENTITY x 'ha'>]>".encode()

    content = repacked(
        xlsx([["A"], ["x"]]),
        lambda parts: {
            **parts,
            "xl/worksheets/sheet1.xml": prologue + parts["xl/worksheets/sheet1.xml"].partition(b"?>")[2],
        },
    )

    assert "entities" in refusal_of(content, "a.xlsx", COLUMNS) or "damaged" in refusal_of(content, "a.xlsx", COLUMNS)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"word/document.xml": "word/document2.xml", "word/_rels/document.xml.rels": "word/_rels/document2.xml.rels"},
         {b"word/document.xml": b"word/document2.xml"}),
        ({"word/document.xml": "document.xml", "word/_rels/document.xml.rels": "_rels/document.xml.rels"},
         {b"word/document.xml": b"document.xml"}),
        ({"word/document.xml": "word\\document.xml", "_rels/.rels": "_rels\\.rels"}, {}),
        ({"word/document.xml": "Word/Document.XML"}, {}),
        ({}, {b'Target="word/document.xml"': b'Target="/word/document.xml"'}),
        ({}, {b"document.main+xml": b"template.main+xml"}),
        ({}, {
            b"http://schemas.openxmlformats.org/wordprocessingml/2006/main":
                b"http://purl.oclc.org/ooxml/wordprocessingml/main",
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships":
                b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        }),
    ],
    ids=["document2", "at the root", "backslashes", "other case", "absolute", "template", "strict"],
)  # fmt: skip
def test_a_word_document_is_found_by_its_relations(names: Mapping[str, str], words: Mapping[bytes, bytes]) -> None:
    assert text_in(renamed(word("body"), names, words), "a.docx").strip() == "body"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"xl/workbook.xml": "xl/workbook2.xml", "xl/_rels/workbook.xml.rels": "xl/_rels/workbook2.xml.rels"},
         {b"xl/workbook.xml": b"xl/workbook2.xml"}),
        ({"xl/worksheets/sheet1.xml": "xl\\worksheets\\sheet1.xml", "xl/workbook.xml": "xl\\workbook.xml"}, {}),
        ({"xl/worksheets/sheet1.xml": "sheets/first.xml"}, {b"worksheets/sheet1.xml": b"/sheets/first.xml"}),
        ({}, {b"sheet.main+xml": b"template.main+xml"}),
        ({}, {
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main":
                b"http://purl.oclc.org/ooxml/spreadsheetml/main",
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships":
                b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        }),
    ],
    ids=["workbook2", "backslashes", "elsewhere", "template", "strict"],
)  # fmt: skip
def test_a_workbook_is_found_by_its_relations(names: Mapping[str, str], words: Mapping[bytes, bytes]) -> None:
    content = renamed(xlsx([["A"], ["x"]]), names, words)

    assert rows_in(content, "a.xlsx", COLUMNS) == [{"A": "x"}]
    assert text_in(content, "a.xlsx") == "## Data\nA\nx"


def test_a_strict_workbook_has_its_days_in_iso() -> None:
    rows = f"{texts(1, 'Day', 'At')}<row r='2'><c r='A2' t='d'><v>2026-11-21</v></c>"
    rows += "<c r='B2' t='d'><v>2026-11-21T09:30:00</v></c></row>"
    strict = (
        f'<worksheet xmlns="http://purl.oclc.org/ooxml/spreadsheetml/main"><sheetData>{rows}</sheetData></worksheet>'
    )
    content = archive({**XLSX_PARTS, "xl/worksheets/sheet1.xml": strict})

    assert rows_in(content, "a.xlsx", {"Day": "date", "At": "string"}) == [
        {"Day": "2026-11-21", "At": "2026-11-21 09:30:00"}
    ]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"xl/vbaProject.bin": b"macro"}, "has macros"),
        ({"XL\\VBAPROJECT.BIN": b"macro"}, "has macros"),
        ({"xl\\..\\..\\outside.xml": b"x"}, "leads out"),
        ({"C:\\outside.xml": b"x"}, "leads out"),
        ({"\\outside.xml": b"x"}, "leads out"),
        ({"XL/Workbook.xml": b"x"}, "two parts of the same name"),
        ({"xl\\workbook.xml": b"x"}, "two parts of the same name"),
        ({"xl/inner.ZIP": b"PK"}, "another archive"),
    ],
)
def test_what_is_dangerous_is_refused_however_it_is_written(parts: dict[str, bytes], message: str) -> None:
    assert message in refusal_of(archive({**XLSX_PARTS, "xl/worksheets/sheet1.xml": SHEET, **parts}), "a.xlsx")


@pytest.mark.parametrize(
    "word_of_macros", ["application/vnd.ms-excel.sheet.macroEnabled.main+xml", "application/vnd.ms-office.vbaProject"]
)
def test_macros_are_found_wherever_the_package_says_them(word_of_macros: str) -> None:
    types = XLSX_PARTS["[Content_Types].xml"].replace(
        "</Types>", f"{'<!-- -->' * 1000}<Default Extension='bin' ContentType='{word_of_macros}'/></Types>"
    )

    assert "has macros" in refusal_of(archive({**XLSX_PARTS, "[Content_Types].xml": types}), "a.xlsx")


def test_a_workbook_whose_sheet_is_missing_is_damaged() -> None:
    assert "is missing" in refusal_of(archive(XLSX_PARTS), "a.xlsx")
