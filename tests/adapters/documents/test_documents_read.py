"""Reading documents: the text of each kind, and the refusal of malicious files."""

import asyncio
import zipfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from aijobs.adapters.documents.reader import DocumentReader
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.domain.documents.formats import DocumentKind
from aijobs.domain.errors import BadInput, FileTooLarge, TooBusy, UnreadableFile
from tests.adapters.documents.makers import (
    XLSX_PARTS,
    archive,
    encrypted_office_file,
    encrypted_pdf,
    pdf,
    row,
    sheet,
    word,
    workbook,
)

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.txt", "合同\r\n甲方".encode(), "合同\n甲方"),
        ("a.TXT", b"\xef\xbb\xbf" + "合同".encode(), "合同"),
        ("a.md", "# 合同".encode("gb18030"), "# 合同"),
        ("a.csv", "甲,乙".encode("utf-16"), "甲,乙"),
        ("a.docx", word("合同", table=[["甲方", "A公司"], ["乙方", "B公司"]]), "合同\n甲方\tA公司\n乙方\tB公司"),
        ("a.pdf", pdf("A contract"), "A contract"),
        (
            "a.xlsx",
            workbook([["甲方", "金额"], ["A公司", 5]], [["b"]]),
            "## Sheet1\n甲方\t金额\nA公司\t5\n## Sheet2\nb",
        ),
    ],
)
async def test_each_kind_says_its_text(reader: DocumentReader, name: str, content: bytes, text: str) -> None:
    document = await reader.read(content, name)

    assert document.text.strip() == text
    assert document.kind == DocumentKind(name.lower().rpartition(".")[2])


async def test_a_file_may_be_named_by_its_path(reader: DocumentReader, tmp_path: Path) -> None:
    path = tmp_path / "kept-under-another-name"
    path.write_bytes(b"a contract")

    assert (await reader.read(path, "contract.txt")).text == "a contract"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.exe", b"MZ", "ends in .exe"),
        ("a", b"text", "ends in none"),
        ("a.txt", b"", "is empty"),
        ("a.xlsx", b"", "is empty"),
        ("a.txt", b" \n ", "no text in it"),
        ("a.txt", b"a\0b", "something else"),
        ("a.txt", b"\xff\xff\xff\xff", "no text in UTF-8"),
        ("a.txt", pdf("text"), "it is a PDF"),
        ("a.pdf", b"plain text", "it is something else"),
        ("a.docx", workbook([["a"]]), "it is an Excel workbook"),
        ("a.xlsx", word("a"), "it is a Word document"),
        ("a.xlsx", archive({"a.txt": "text"}), "is an archive"),
        ("a.xlsx", b"PK\x03\x04 and nothing more", "is damaged"),
        ("a.xlsx", workbook([["a"]])[:-200], "is damaged"),
        ("a.docx", archive({"word/document.xml": "<broken"}), "is damaged"),
        ("a.xlsx", archive({"xl/workbook.xml": "<broken"}), "is damaged"),
        ("a.pdf", b"%PDF-1.4 and nothing more", "is damaged"),
        ("a.pdf", pdf(None), "its pages are pictures"),
        ("a.pdf", encrypted_pdf(), "is encrypted"),
        ("a.xlsx", encrypted_office_file(), "is encrypted"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Office format"),
        ("a.xlsx", archive({**XLSX_PARTS, "xl/vbaProject.bin": b"macro"}), "has macros"),
        (
            "a.xlsx",
            archive({**XLSX_PARTS, "[Content_Types].xml": "<T x='sheet.macroEnabled.main+xml'/>"}),
            "has macros",
        ),
        ("a.xlsx", archive({**XLSX_PARTS, "../../outside.xml": "x"}), "leads out"),
        ("a.xlsx", archive({**XLSX_PARTS, "/outside.xml": "x"}), "leads out"),
        ("a.xlsx", archive({**XLSX_PARTS, "xl/inner.zip": archive({"a": "b"})}), "another archive"),
    ],
)
async def test_what_is_not_what_it_says_is_refused(
    reader: DocumentReader, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(UnreadableFile, match=message):
        await reader.read(content, name)


def bomb() -> bytes:
    return archive({**XLSX_PARTS, "xl/worksheets/sheet1.xml": b" " * 50 * MEGABYTE})


def many_parts() -> bytes:
    return archive({**XLSX_PARTS, **{f"xl/{number}.xml": "" for number in range(2000)}})


def lying_about_its_size() -> bytes:
    """A part that unpacks to more than the archive says."""
    content = bytearray(archive({**XLSX_PARTS, "xl/worksheets/sheet1.xml": b"a" * 100_000}))
    with zipfile.ZipFile(BytesIO(content)) as file:
        size = file.getinfo("xl/worksheets/sheet1.xml").file_size
    lie = bytes(content).replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lie != content
    return lie


def unpacking_to_too_much() -> bytes:
    """Below the ratio, above the sum."""
    piece = bytes(number * number % 251 for number in range(65536))
    parts: dict[str, bytes | str] = {f"xl/{number}.bin": piece * 512 + bytes([number]) for number in range(7)}
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as file:
        for name, content in (XLSX_PARTS | parts).items():
            file.writestr(name, content)
    return target.getvalue()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bomb, "100 times its size"),
        (many_parts, "parts inside"),
        (lying_about_its_size, "another size"),
        (unpacking_to_too_much, "more than 200 MiB"),
        (lambda: sheet(row(1, ("A1", "x")) + row(1_048_576, ("XFD1048576", "far"))), "far outside"),
        (lambda: sheet(row(1, ("A1", "x"), ("XFD1", "far"))), "far outside"),
        (
            lambda: sheet(row(1, ("A1", "&x;")), before='<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
            "defines entities",
        ),
        (
            lambda: archive({"word/document.xml": '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>'}),
            "defines entities",
        ),
    ],
)
async def test_bombs_and_traps_are_refused(reader: DocumentReader, make: object, message: str) -> None:
    assert callable(make)
    content = make()
    name = "a.docx" if b"word/document.xml" in content else "a.xlsx"

    with pytest.raises(BadInput, match=message):
        await reader.read(content, name)
    assert (await reader.read(b"still here", "a.txt")).text == "still here"


@pytest.mark.parametrize("size", [5 * MEGABYTE, 50 * MEGABYTE])
async def test_much_text_is_refused(reader: DocumentReader, size: int) -> None:
    with pytest.raises(FileTooLarge, match="bytes of text"):
        await reader.read(b"a" * size, "a.txt")


async def test_the_most_text_is_a_setting_and_counts_in_utf8() -> None:
    small = DocumentReader(DocumentSettings(max_text_bytes=9))

    assert (await small.read("合同书".encode("gb18030"), "a.txt")).text == "合同书"
    for content, name in (("合同书。".encode("gb18030"), "a.txt"), (word("合同书。"), "a.docx")):
        with pytest.raises(FileTooLarge):
            await small.read(content, name)


async def test_reading_is_stopped_when_it_takes_too_long() -> None:
    impatient_reader = DocumentReader(DocumentSettings(patience=timedelta(milliseconds=1)))

    with pytest.raises(TooBusy, match="too long"):
        await impatient_reader.read(b"text", "a.txt")


async def test_more_documents_than_may_be_read_at_once_wait_for_their_turn() -> None:
    reader = DocumentReader(DocumentSettings(at_once=1))

    read = await asyncio.gather(*(reader.read(f"text {number}".encode(), "a.txt") for number in range(4)))

    assert [document.text for document in read] == [f"text {number}" for number in range(4)]


async def test_a_reading_that_is_called_off_leaves_no_process_and_takes_no_turn() -> None:
    reader = DocumentReader(DocumentSettings(at_once=1))
    reading = asyncio.create_task(reader.read(b"text", "a.txt"))
    await asyncio.sleep(0.05)

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert (await reader.read(b"text", "a.txt")).text == "text"
