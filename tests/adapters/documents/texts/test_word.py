"""Word documents: every place where a text can be, and what stays out."""

import io
import zipfile

import pytest

from aijobs.domain.errors import UnreadableFile
from tests.adapters.documents.conftest import Parse
from tests.adapters.documents.makers import word
from tests.adapters.documents.texts.office_files import docx, paragraph, part, run

TABLE = "<w:tbl><w:tr>{}</w:tr></w:tbl>"
NOTE = '<w:footnote w:id="1"><w:p><w:r><w:footnoteRef/></w:r>' + run("net 30 days") + "</w:p></w:footnote>"
ENDNOTE = f'<w:endnote w:id="7">{paragraph(run("by law"))}</w:endnote>'
MERGED_FIRST = '<w:vMerge w:val="restart"/>'
SEPARATOR = '<w:footnote w:id="0" w:type="separator"><w:p><w:r><w:separator/></w:r></w:p></w:footnote>'


def cell(*content: str, properties: str = "") -> str:
    return f"<w:tc>{f'<w:tcPr>{properties}</w:tcPr>' if properties else ''}{''.join(content)}</w:tc>"


def row(*cells: str) -> str:
    return f"<w:tr>{''.join(cells)}</w:tr>"


def control(content: str) -> str:
    return f"<w:sdt><w:sdtPr><w:alias w:val='name'/></w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"


def shape(content: str) -> str:
    """A text box of Word 2010, with its older form."""
    box = f"<w:txbxContent>{content}</w:txbxContent>"
    return (
        f'<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:wsp><wps:txbx>{box}</wps:txbx></wps:wsp>'
        f"</w:drawing></mc:Choice><mc:Fallback><w:pict><v:shape><v:textbox>{box}</v:textbox></v:shape></w:pict>"
        "</mc:Fallback></mc:AlternateContent></w:r>"
    )


def old_shape(content: str) -> str:
    box = f"<v:textbox><w:txbxContent>{content}</w:txbxContent></v:textbox>"
    kind = "<v:shapetype><v:formulas><v:f/></v:formulas></v:shapetype>"
    return f"<w:r><w:pict>{kind}<v:shape>{box}</v:shape></w:pict></w:r>"


def field(instruction: str, result: str) -> str:
    return (
        f'<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>{instruction}</w:instrText></w:r>'
        f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{run(result)}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(
            paragraph(
                run("Price: "), f"<w:del>{'<w:r><w:delText>66</w:delText></w:r>'}</w:del><w:ins>{run('88')}</w:ins>"
            ),
            "Price: 88",
            id="tracked change",
        ),
        pytest.param(
            paragraph(run("Party: "), f"<w:moveFrom>{run('old')}</w:moveFrom><w:moveTo>{run('moved')}</w:moveTo>"),
            "Party: moved",
            id="move",
        ),
        pytest.param(f"<w:ins>{paragraph(run('whole'))}</w:ins>", "whole", id="inserted paragraph"),
        pytest.param(
            paragraph(run("first "), properties="<w:rPr><w:del/></w:rPr>") + paragraph(run("second")),
            "first second",
            id="deleted end of a paragraph",
        ),
        pytest.param(
            f"<w:tbl><w:tr><w:trPr><w:del/></w:trPr>{cell(paragraph(run('gone')))}</w:tr>"
            f"<w:tr>{cell(paragraph(run('here')))}</w:tr></w:tbl>",
            "here",
            id="deleted row",
        ),
        pytest.param(paragraph(run("Party B: "), control(run("Acme"))), "Party B: Acme", id="control in a line"),
        pytest.param(control(paragraph(run("Acme"))), "Acme", id="control around a paragraph"),
        pytest.param(
            TABLE.format(cell(paragraph(run("Seller"))) + control(cell(paragraph(run("Acme"))))),
            "Seller\tAcme",
            id="control around a cell",
        ),
        pytest.param(f"<w:tbl>{control(row(cell(paragraph(run('a')))))}</w:tbl>", "a", id="control around a row"),
        pytest.param(control(control(paragraph(control(run("deep"))))), "deep", id="controls in controls"),
        pytest.param(paragraph(f"<w:smartTag>{run('Berlin')}</w:smartTag>"), "Berlin", id="smart tag"),
        pytest.param(paragraph(f"<w:customXml>{run('custom')}</w:customXml>"), "custom", id="custom XML"),
        pytest.param(paragraph(f"<w:hyperlink>{run('linked')}</w:hyperlink>"), "linked", id="link"),
        pytest.param(paragraph(f"<w:fldSimple>{run('2026')}</w:fldSimple>"), "2026", id="simple field"),
        pytest.param(paragraph(field("REF total", "5,000")), "5,000", id="field"),
        pytest.param(
            paragraph(
                '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:ddList><w:result w:val="1"/>'
                '<w:listEntry w:val="EUR"/><w:listEntry w:val="CNY"/></w:ddList></w:ffData></w:fldChar></w:r>'
            ),
            "CNY",
            id="list of a form",
        ),
        pytest.param(
            paragraph(
                '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox><w:default w:val="0"/><w:checked/>'
                "</w:checkBox></w:ffData></w:fldChar></w:r>",
                run(" paid"),
            ),
            "☑ paid",
            id="check box of a form",
        ),
        pytest.param(paragraph(run("Seal: "), shape(paragraph(run("A-1")))), "Seal: \nA-1", id="text box"),
        pytest.param(paragraph(run("Seal: "), old_shape(paragraph(run("A-1")))), "Seal: \nA-1", id="old text box"),
        pytest.param(
            paragraph(shape(TABLE.format(cell(paragraph(run("a"))) + cell(paragraph(run("b")))))),
            "a\tb",
            id="table in a text box",
        ),
        pytest.param(
            paragraph('<w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r>'),
            "DRAFT",
            id="word art",
        ),
        pytest.param(
            paragraph(
                "<w:r><w:ruby><w:rubyPr/><w:rt>",
                run("kan"),
                "</w:rt><w:rubyBase>",
                run("漢"),
                "</w:rubyBase></w:ruby></w:r>",
            ),
            "漢",
            id="ruby",
        ),
        pytest.param(
            paragraph(
                "<m:oMath><m:r><m:t>x=</m:t></m:r><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t>"
                "</m:r></m:den></m:f><m:sSup><m:e><m:r><m:t>y</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup>"
                "</m:sSup></m:oMath>"
            ),
            "x=(a+b)/2y^2",
            id="equation",
        ),
        pytest.param(
            f"<m:oMathPara><m:oMath><m:r><m:t>E=mc</m:t></m:r></m:oMath></m:oMathPara>{paragraph(run('end'))}",
            "E=mc\nend",
            id="equation of its own",
        ),
        pytest.param(
            paragraph('<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>', run(" agreed")), "☑ agreed", id="symbol"
        ),
        pytest.param(
            paragraph(run("HT"), "<w:r><w:noBreakHyphen/></w:r>", run("20"), "<w:r><w:softHyphen/></w:r>", run("26")),
            "HT-2026",
            id="hyphens",
        ),
        pytest.param(
            paragraph("<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>", run("shown")), "shown", id="hidden"
        ),
        pytest.param(
            paragraph('<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>not hidden</w:t></w:r>'), "not hidden", id="shown"
        ),
        pytest.param(
            "<w:tbl>"
            + row(cell(paragraph(run("Sales")), properties=MERGED_FIRST), cell(paragraph(run("Ann"))))
            + row(cell(paragraph(), properties="<w:vMerge/>"), cell(paragraph(run("Bob"))))
            + "</w:tbl>",
            "Sales\tAnn\nSales\tBob",
            id="merged cells",
        ),
        pytest.param(paragraph("<x:new xmlns:x='urn:x'>", run("unknown"), "</x:new>"), "unknown", id="new container"),
    ],
)
def test_all_text_of_the_body_is_read_once(parse: Parse, body: str, text: str) -> None:
    assert parse(docx(body), "a.docx").text.strip() == text


def section(kind: str, *ids: str) -> str:
    references = "".join(f'<w:{kind}Reference r:id="{rid}"/>' for rid in ids)
    return f"<w:sectPr>{references}</w:sectPr>"


def test_headers_come_first_and_footers_last_each_line_once(parse: Parse) -> None:
    header = part("w:hdr", paragraph(run("Contract HT-1")))
    document = docx(
        paragraph(run("body"), properties=section("header", "h1")) + section("header", "h2") + section("footer", "f1"),
        related=[
            ("h1", "header", "header1.xml", header),
            ("h2", "header", "header2.xml", header),
            ("f1", "footer", "footer1.xml", part("w:ftr", control(paragraph(run("page footer"))))),
        ],
    )

    assert parse(document, "a.docx").text.splitlines() == ["Contract HT-1", "body", "page footer"]


def test_notes_stand_where_they_are_referred_to(parse: Parse) -> None:
    reference = '<w:r><w:footnoteReference w:id="1"/></w:r><w:r><w:endnoteReference w:id="7"/></w:r>'
    document = docx(
        paragraph(run("Payment"), reference, run(".")),
        related=[
            ("n1", "footnotes", "footnotes.xml", part("w:footnotes", SEPARATOR + NOTE)),
            (
                "n2",
                "endnotes",
                "endnotes.xml",
                part("w:endnotes", ENDNOTE),
            ),
        ],
    )

    assert parse(document, "a.docx").text == "Payment [net 30 days] [by law]."


COMMENT = f'<w:comment w:id="3" w:author="Li">{paragraph(run("too low"))}</w:comment>'


def test_comments_are_read_by_a_switch(parse: Parse) -> None:
    document = docx(
        paragraph(run("Price 5"), '<w:r><w:commentReference w:id="3"/></w:r>'),
        related=[("c1", "comments", "comments.xml", part("w:comments", COMMENT))],
    )

    assert parse(document, "a.docx").text == "Price 5"
    assert parse(document, "a.docx", comments=True).text == "Price 5 [comment by Li: too low]"


def test_charts_and_diagrams_are_read(parse: Parse) -> None:
    chart = part("c:chartSpace", "<a:p><a:r><a:t>Sales 2026</a:t></a:r></a:p><c:v>417</c:v>")
    diagram = part("dgm:dataModel", "<a:p><a:r><a:t>Board</a:t></a:r></a:p>")
    document = docx(
        paragraph('<w:r><w:drawing><c:chart r:id="x1"/></w:drawing></w:r>')
        + paragraph('<w:r><w:drawing><dgm:relIds r:dm="x2" r:lo="x9"/></w:drawing></w:r>'),
        related=[("x1", "chart", "charts/chart1.xml", chart), ("x2", "diagramData", "diagrams/data1.xml", diagram)],
    )

    assert parse(document, "a.docx").text.split() == ["Sales", "2026", "417", "Board"]


def inner_docx() -> bytes:
    return docx(paragraph(run("appendix")))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("chunk.html", b"<html><body><p>append<b>ix</b></p><script>no</script></body></html>"),
        ("chunk.txt", b"appendix"),
        ("chunk.rtf", rb"{\rtf1 appendix}"),
        ("chunk.docx", inner_docx()),
        ("chunk.mht", b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>appendix</p>"),
    ],
)
def test_alternative_chunks_are_taken_in(parse: Parse, name: str, content: bytes) -> None:
    document = docx(paragraph(run("body")) + '<w:altChunk r:id="a1"/>', related=[("a1", "aFChunk", name, content)])

    assert parse(document, "a.docx").text.split() == ["body", "appendix"]


def test_an_unknown_chunk_is_refused_by_name(parse: Parse) -> None:
    document = docx(paragraph(run("body")) + '<w:altChunk r:id="a1"/>', related=[("a1", "aFChunk", "c.wps", b"\x01")])

    with pytest.raises(UnreadableFile, match=r"a \.wps"):
        parse(document, "a.docx")


def test_a_picture_in_the_text_is_named(parse: Parse) -> None:
    document = parse(docx(paragraph(run("see"), "<w:r><w:drawing><a:blip/></w:drawing></w:r>")), "a.docx")

    assert document.notes == ("pictures in the document, whose text is not read unless it is saved as PDF: 1",)
    assert document.notes[0] in document.text


def test_the_strict_variant_reads_the_same(parse: Parse) -> None:
    source, target = zipfile.ZipFile(io.BytesIO(word("合同", table=[["a", "b"]]))), io.BytesIO()
    with zipfile.ZipFile(target, "w") as strict:
        for name in source.namelist():
            content = source.read(name)
            for loose in ("wordprocessingml/2006/main", "officeDocument/2006/relationships"):
                content = content.replace(
                    f"http://schemas.openxmlformats.org/{loose}".encode(),
                    f"http://purl.oclc.org/ooxml/{loose.replace('/2006', '')}".encode(),
                )
            strict.writestr(name, content)

    assert parse(target.getvalue(), "a.docx").text == "合同\na\tb"


def test_a_part_that_is_missing_says_so(parse: Parse) -> None:
    document = docx('<w:altChunk r:id="nowhere"/>')

    with pytest.raises(UnreadableFile, match="not in the file"):
        parse(document, "a.docx")
