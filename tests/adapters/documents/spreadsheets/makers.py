"""Spreadsheets of every format, made for a test: by libraries where there are any, else byte by byte."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter
import xlwt

from tests.adapters.documents.makers import XLSX_PARTS, archive

Rows = Sequence[Sequence[Any]]

STYLES = (
    '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts>{formats}</numFmts>'
    '<cellXfs><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>'
)


class Formatted:
    """A number under a number format."""

    def __init__(self, number: float, code: str) -> None:
        self.number = number
        self.code = code


def xlsx(rows: Rows, *, merges: Sequence[str] = (), hidden: Sequence[str] = (), **sheets: Rows) -> bytes:
    """A workbook with the sheet `Data`, and more by their names. `hidden` names sheets."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        for name, content in {"Data": rows, **sheets}.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(content):
                for at, value in enumerate(row):
                    if isinstance(value, Formatted):
                        sheet.write_number(number, at, value.number, book.add_format({"num_format": value.code}))
                    elif value is not None:
                        sheet.write(number, at, value)
            if name in hidden:
                sheet.hide()
        for merged in merges:
            _merge(book.get_worksheet_by_name("Data"), merged, rows)
    return target.getvalue()


def _merge(sheet: Any, merged: str, rows: Rows) -> None:
    first = merged.partition(":")[0]
    column, row = ord(first[0]) - ord("A"), int(first[1:]) - 1
    sheet.merge_range(merged, rows[row][column])


def sheet_xml(
    rows: str, *, styles: Mapping[int, str] | None = None, calculation: str = "", after: str = "", properties: str = ""
) -> bytes:
    """A workbook whose only sheet has these rows as XML. `styles` are format codes by the number of the style."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    codes = "".join(
        f'<numFmt numFmtId="{200 + at}" formatCode="{escape(code, {chr(34): "&quot;"})}"/>'
        for at, code in (styles or {}).items()
    )
    extended = "".join(f'<xf numFmtId="{200 + at}"/>' for at in styles or {})
    book = XLSX_PARTS["xl/workbook.xml"].replace("<sheets>", f"{properties}<sheets>")
    relations = XLSX_PARTS["xl/_rels/workbook.xml.rels"].replace(
        "</Relationships>",
        '<Relationship Id="rId2" Target="styles.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles"/></Relationships>',
    )
    return archive(
        {
            **XLSX_PARTS,
            "xl/workbook.xml": book.replace("</workbook>", f"{calculation}</workbook>"),
            "xl/_rels/workbook.xml.rels": relations,
            "xl/styles.xml": STYLES.format(formats=codes, styles=extended),
            "xl/worksheets/sheet1.xml": f"<worksheet {main}><sheetData>{rows}</sheetData>{after}</worksheet>",
        }
    )


def texts(number: int, *cells: str) -> str:
    """A row of texts."""
    written = "".join(
        f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
        for at, cell in enumerate(cells)
    )
    return f'<row r="{number}">{written}</row>'


def xls(
    rows: Rows, *, merges: Sequence[tuple[int, int, int, int]] = (), from_1904: bool = False, hidden: bool = False
) -> bytes:
    """`merges` are rows and columns from 0: first row, last row, first column, last column."""
    book = xlwt.Workbook()
    book.dates_1904 = from_1904
    sheet = book.add_sheet("Data")
    covered = {(top, left) for top, _, left, _ in merges}
    for number, row in enumerate(rows):
        for at, value in enumerate(row):
            if (number, at) in covered or value is None:
                continue
            if isinstance(value, Formatted):
                sheet.write(number, at, value.number, xlwt.easyxf(num_format_str=value.code))
            elif isinstance(value, str) and value.startswith("="):
                sheet.write(number, at, xlwt.Formula(value[1:]))
            else:
                sheet.write(number, at, value)
    for top, bottom, left, right in merges:
        sheet.write_merge(top, bottom, left, right, rows[top][left])
    if hidden:
        book.add_sheet("Front")
        sheet.visibility = 1
        book.set_active_sheet(1)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def ods(*tables: str, before: str = "") -> bytes:
    """Sheets by their XML, in the namespaces of OpenDocument."""
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text", "style")
    )
    extension = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    body = f"<office:body><office:spreadsheet>{''.join(tables)}</office:spreadsheet></office:body>"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        file.writestr("META-INF/manifest.xml", "<manifest/>")
        file.writestr(
            "content.xml", f"<office:document-content {names} {extension}>{before}{body}</office:document-content>"
        )
    return target.getvalue()


def ods_table(name: str, *rows: str, style: str = "") -> str:
    return f'<table:table table:name="{name}" table:style-name="{style}">{"".join(rows)}</table:table>'


def ods_row(*cells: str, repeated: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{repeated}">{"".join(cells)}</table:table-row>'


def ods_text(text: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {more}><text:p>{text}</text:p></table:table-cell>'


def ods_value(kind: str, value: str, shown: str, more: str = "") -> str:
    name = {"float": "value", "percentage": "value", "currency": "value"}.get(kind, f"{kind}-value")
    return (
        f'<table:table-cell office:value-type="{kind}" office:{name}="{value}" {more}>'
        f"<text:p>{shown}</text:p></table:table-cell>"
    )


def _record(number: int, body: bytes = b"") -> bytes:
    """Number and length in seven bits a byte, the lowest first ([MS-XLSB] 2.1.4)."""
    return _packed(number) + _packed(len(body)) + body


def _packed(number: int) -> bytes:
    if number < 0x80:
        return bytes([number])
    return bytes([number & 0x7F | 0x80]) + _packed(number >> 7)


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb(rows: Rows, *, merges: Sequence[tuple[int, int, int, int]] = (), from_1904: bool = False) -> bytes:
    """`merges` are rows and columns from 0: first row, last row, first column, last column."""
    codes = list(dict.fromkeys(value.code for row in rows for value in row if isinstance(value, Formatted)))
    formats = b"".join(_record(44, struct.pack("<H", 200 + at) + _wide(code)) for at, code in enumerate(codes))
    styles = b"".join(
        _record(47, struct.pack("<HH", 0, number) + bytes(12)) for number in (0, *range(200, 200 + len(codes)))
    )
    sheet = b"".join(
        _record(0, struct.pack("<I", number) + bytes(13))
        + b"".join(_xlsb_cell(at, value, codes) for at, value in enumerate(row) if value is not None)
        for number, row in enumerate(rows)
    )
    merged = b"".join(_record(176, struct.pack("<4I", *merge)) for merge in merges)
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    return archive(
        {
            "[Content_Types].xml": f'<Types xmlns="{packages}/content-types">'
            '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>',
            "_rels/.rels": f'<Relationships xmlns="{packages}/relationships">'
            f'<Relationship Id="rId1" Type="{relation}/officeDocument" Target="xl/workbook.bin"/></Relationships>',
            "xl/workbook.bin": _record(131)
            + _record(153, struct.pack("<II", from_1904, 0) + _wide(""))
            + _record(143)
            + _record(156, struct.pack("<II", 0, 1) + _wide("rId1") + _wide("Data"))
            + _record(144)
            + _record(132),
            "xl/_rels/workbook.bin.rels": f'<Relationships xmlns="{packages}/relationships">'
            f'<Relationship Id="rId1" Type="{relation}/worksheet" Target="worksheets/sheet1.bin"/>'
            f'<Relationship Id="rId2" Type="{relation}/styles" Target="styles.bin"/></Relationships>',
            "xl/styles.bin": _record(278) + _record(615, struct.pack("<I", len(codes))) + formats + _record(616)
            + _record(617, struct.pack("<I", len(codes) + 1)) + styles + _record(618),
            "xl/worksheets/sheet1.bin": _record(129)
            + _record(148, struct.pack("<4I", 0, max(len(rows) - 1, 0), 0, 9))
            + _record(145) + sheet + _record(146) + merged + _record(130),
        }
    )  # fmt: skip


def _xlsb_cell(at: int, value: object, codes: Sequence[str]) -> bytes:
    style = codes.index(value.code) + 1 if isinstance(value, Formatted) else 0
    start = struct.pack("<II", at, style)
    match value:
        case Formatted():
            return _record(5, start + struct.pack("<d", value.number))
        case bool():
            return _record(4, start + bytes([value]))
        case int() if abs(value) < 2**29:
            return _record(2, start + struct.pack("<I", (value << 2 & 0xFFFFFFFF) | 2))
        case int() | float():
            return _record(5, start + struct.pack("<d", value))
        case "#N/A":
            return _record(3, start + b"\x2a")
    return _record(6, start + _wide(str(value)))
