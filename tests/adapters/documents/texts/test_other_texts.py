"""PowerPoint, HTML, mails, RTF and OpenDocument: their text, and what stays out."""

import io
from email.message import EmailMessage

import pytest
from pptx import Presentation
from pptx.util import Inches

from aijobs.domain.errors import UnreadableFile
from tests.adapters.documents.conftest import Parse
from tests.adapters.documents.makers import archive, encrypted_office_file, word, workbook
from tests.adapters.documents.texts.outlook_files import outlook_message
from tests.adapters.documents.texts.pages import drawn_pdf, page_picture, picture_on, saved


def presentation() -> bytes:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Quarterly report"
    box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(2), Inches(1))
    box.text_frame.text = "Revenue 417"
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(3), Inches(3), Inches(1), Inches(1)).text_frame.text = "in a group"
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(4), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Item", "Price"
    slide.notes_slide.notes_text_frame.text = "say this slowly"
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "Second"
    target = io.BytesIO()
    deck.save(target)
    return target.getvalue()


def test_slides_with_groups_tables_and_notes(parse: Parse) -> None:
    assert parse(presentation(), "a.pptx").text.splitlines() == [
        *("## 1", "Quarterly report", "Revenue 417", "in a group", "Item\tPrice", "[notes: say this slowly]"),
        *("## 2", "Second"),
    ]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>a <b>b</b>\n c</p><p>d</p>", "a b c\nd"),
        ("<script>no</script><style>no</style><template>no</template><p hidden>no</p>yes", "yes"),
        ("<p style='color:red; DISPLAY: none'>no</p><p style='display:block'>yes</p>", "yes"),
        ("<title>T</title><body>line<br>next<!-- no -->", "T\nline\nnext"),
        ("<table><tr><th>Item<th>Price<tr><td>Laser <i>LR</i><td>5</table>", "Item\tPrice\nLaser LR\t5"),
        (
            "<table><tr><td rowspan=2>Sales<td>Ann<tr><td>Bob</table>",
            "Sales\tAnn\nSales\tBob",
        ),
        ("<table><tr><td colspan=2>Both<td>x<tr><td>1<td>2<td>3</table>", "Both\t\tx\n1\t2\t3"),
        ("<table><tr><td><p>Dear</p><table><tr><td>a<td>b</table></table>", "Dear\na\tb"),
        ("<ol start=3><li>a<li>b</ol><ul><li>c</ul>", "3. a\n4. b\n• c"),
        ("<ol><li>a<ul><li>b</ul><li hidden>no<li value=7>c<li>d</ol>", "1. a\n• b\n7. c\n8. d"),
        (f"<ol start={'9' * 5000}><li>a<li value={'9' * 5000}>b</ol>", "1. a\n2. b"),
        ("<pre>a  b\n c</pre>", "a  b\n c"),
        ("<input value=5><input type=checkbox checked><select><option>x<option selected>y</select>", "5☑y"),
        ("&lt;5 &amp; &nbsp;6", "<5 & \xa06"),
        ("<ruby>漢<rt>kan</rt></ruby>字", "漢字"),
        ("<p>a<p>unclosed<div>and <b>wrong</i></div>", "a\nunclosed\nand wrong"),
    ],
)
def test_a_page_says_what_a_reader_sees(parse: Parse, page: str, text: str) -> None:
    assert parse(page.encode(), "a.html").text.strip() == text


@pytest.mark.parametrize("charset", ["gb2312", "utf-8", "big5", "shift_jis"])
def test_a_page_declares_its_encoding(parse: Parse, charset: str) -> None:
    page = f"<meta http-equiv=Content-Type content='text/html; charset={charset}'><p>金額 100</p>"
    content = page.encode("gb18030" if charset == "gb2312" else charset)

    assert parse(content, "a.htm").text == "金額 100"


def test_a_page_that_is_nested_without_end(parse: Parse) -> None:
    with pytest.raises(UnreadableFile, match="too deeply"):
        parse(b"<div>" * 20_000 + b"x", "a.html")


def mail(*attached: tuple[str, bytes]) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Li <li@example.com>", "wang@example.com", "发票 Invoice"
    message.set_content("see the web version")
    message.add_alternative("<p>Please pay <b>5,000.00</b> EUR by 2026-12-03.</p>", subtype="html")
    for name, content in attached:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


def test_a_mail_with_its_head_its_fullest_text_and_attached_documents(parse: Parse) -> None:
    invoice = drawn_pdf(lambda canvas: canvas.drawString(72, 700, "Invoice INV-7"))
    inner = mail(("inner.docx", word("inner document")))
    message = mail(("发票.pdf", invoice), ("t.xlsx", workbook([["Item", "Price"]])))
    message.attach(inner)

    text = parse(message.as_bytes(), "a.eml").text
    assert text.startswith("From: Li <li@example.com>\nTo: wang@example.com\nSubject: 发票 Invoice\n")
    for said in ("Please pay 5,000.00 EUR", "--- attached: 发票.pdf\nInvoice INV-7", "Item\tPrice", "inner document"):
        assert said in text
    assert "web version" not in text


def test_what_is_attached_and_not_read_is_named(parse: Parse) -> None:
    scan = drawn_pdf(lambda canvas: picture_on(canvas, page_picture(dpi=72)))
    message = mail(
        ("a.zip", b"PK\x03\x04"),
        ("photo.jpg", saved(page_picture(dpi=72))),
        ("scan.pdf", scan),
        ("old.doc", b"\xd0\xcf"),
    )

    notes = parse(message.as_bytes(), "a.eml").notes
    assert len(notes) == 4
    for name, note in zip(("a.zip", "photo.jpg", "scan.pdf", "old.doc"), notes, strict=True):
        assert name in note


def test_a_mail_in_an_encoding_of_its_own(parse: Parse) -> None:
    message = EmailMessage()
    message["Subject"] = "a"
    message.set_content("金额一百元", charset="gb18030")
    content = message.as_bytes().replace(b"gb18030", b"gb2312")

    assert "金额一百元" in parse(content, "a.eml").text


@pytest.mark.parametrize("written", ["<", '"', "Li <a@[1.2"])
def test_a_mail_whose_addresses_no_program_understands_has_them_as_they_are_written(parse: Parse, written: str) -> None:
    content = f"From: {written}\nSubject: Invoice 7\n\nPlease pay 5,000.00\n".encode()

    assert parse(content, "a.eml").text == f"From: {written}\nSubject: Invoice 7\n\nPlease pay 5,000.00"


@pytest.mark.parametrize("charset", ["undefined", "idna", "no-such", "\0"])
def test_a_mail_in_an_encoding_that_is_none(parse: Parse, charset: str) -> None:
    content = f"Subject: a\nContent-Type: text/plain; charset={charset}\n\nPlease pay 5,000.00 é\n".encode()

    assert "Please pay 5,000.00 é" in parse(content, "a.eml").text


def test_an_outlook_message(parse: Parse) -> None:
    content = outlook_message(subject="Invoice 7", body="Please pay 5,000.00", attached=("a.txt", b"attached text"))

    text = parse(content, "a.msg").text
    assert "Subject: Invoice 7" in text
    assert "Please pay 5,000.00" in text
    assert "--- attached: a.txt\nattached text" in text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (rb"{\rtf1\ansi a\par b\line c\tab d}", "a\nb\nc\td"),
        (rb"{\rtf1{\fonttbl{\f0\fcharset134 SimSun;}}\f0 \'ba\'cf\'cd\'ac}", "合同"),
        (rb"{\rtf1\ansi\ansicpg936{\fonttbl{\f0 Arial;}}\'ba\'cf\'cd\'ac}", "合同"),
        (rb"{\rtf1\uc1 \u21512?\u21516?}", "合同"),
        (rb"{\rtf1\uc2 \u21512\'ba\'cf!}", "合!"),
        (rb"{\rtf1 \u-10179?\u-8704?}", "\U0001f600"),
        (rb"{\rtf1 Price {\deleted 66}{\revised 88}{\v hidden}}", "Price 88"),
        (rb"{\rtf1 Pay{\footnote \chftn  net 30} now}", "Pay [net 30] now"),
        (rb"{\rtf1{\header Contract HT-1\par}{\footer foot\par}body}", "Contract HT-1\nfoot\nbody"),
        (rb"{\rtf1\trowd\intbl a\cell b\par c\cell\row\pard end}", "a\tb c\nend"),
        (rb"{\rtf1{\field{\*\fldinst HYPERLINK x}{\fldrslt linked}}}", "linked"),
        (rb"{\rtf1{\info{\author Li}}{\*\generator Word}{\stylesheet{\s1 Heading;}}text}", "text"),
        (rb"{\rtf1{\listtext 1.\tab}clause\par{\pntext 2.\tab}next}", "1.\tclause\n2.\tnext"),
        (rb"{\rtf1{\shp{\*\shpinst{\sp{\sn n}{\sv v}}{\shptxt boxed}}}}", "boxed"),
        (rb"{\rtf1 a\~b\_c\-d \{e\}\bin3 \{}{f}", "a\xa0b-cd {e}f"),
        (rb"{\rtf1{\annotation comment}text}", "text"),
    ],
)
def test_rich_text(parse: Parse, content: bytes, text: str) -> None:
    assert parse(content, "a.rtf").text.strip() == text


ODF = (
    'xmlns:office="urn:o" xmlns:text="urn:t" xmlns:table="urn:b" xmlns:draw="urn:d" xmlns:style="urn:s" '
    'xmlns:dc="urn:dc"'
)


def opendocument(body: str, styles: str = "", automatic: str = "", **more: str) -> bytes:
    content = f"<office:document-content {ODF}>{automatic}<office:body><office:text>{body}</office:text></office:body>"
    return archive(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f"{content}</office:document-content>",
            "styles.xml": f"<office:document-styles {ODF}>{styles}</office:document-styles>",
            **{name.replace("_", "/"): value for name, value in more.items()},
        }
    )


LEVELS = (
    '<text:list-style style:name="L1"><text:list-level-style-number text:level="1" style:num-format="1" '
    'style:num-suffix="."/><text:list-level-style-number text:level="2" style:num-format="a" style:num-suffix=")"/>'
    "</text:list-style>"
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "<text:h>Title</text:h><text:p>a<text:s text:c='2'/>b<text:tab/>c<text:line-break/>d</text:p>",
            "Title\na  b\tc\nd",
        ),
        (
            "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes><text:p>kept</text:p>",
            "kept",
        ),
        (
            "<text:p>Pay<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>net 30</text:p>"
            "</text:note-body></text:note> now</text:p>",
            "Pay [net 30] now",
        ),
        ("<text:p>a<office:annotation><text:p>comment</text:p></office:annotation>b</text:p>", "ab"),
        (
            "<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Item</text:p>"
            "</table:table-cell><table:table-cell><text:p>Price</text:p></table:table-cell></table:table-row>"
            "</table:table-header-rows><table:table-row><table:table-cell table:number-columns-repeated='2'>"
            "<text:p>x</text:p></table:table-cell></table:table-row></table:table>",
            "Item\tPrice\nx\tx",
        ),
        (
            "<text:p>Seal:<draw:frame><draw:text-box><text:p>A-1</text:p></draw:text-box></draw:frame></text:p>",
            "Seal:\nA-1",
        ),
        (
            '<text:list text:style-name="L1"><text:list-item><text:p>a</text:p><text:list><text:list-item><text:p>b'
            "</text:p></text:list-item></text:list></text:list-item><text:list-item><text:p>c</text:p></text:list-item>"
            "</text:list>",
            "1. a\na) b\n2. c",
        ),
        ("<text:section><text:p><text:span>in <text:a>link</text:a></text:span></text:p></text:section>", "in link"),
        (
            "<text:p><text:ruby><text:ruby-base>漢</text:ruby-base><text:ruby-text>k</text:ruby-text></text:ruby></text:p>",
            "漢",
        ),
    ],
)
def test_opendocument(parse: Parse, body: str, text: str) -> None:
    assert parse(opendocument(body, automatic=LEVELS), "a.odt").text.strip() == text


def test_a_list_without_a_style_does_not_disturb_the_numbers_of_headings(parse: Parse) -> None:
    outline = '<text:outline-style><text:outline-level-style text:level="1" style:num-format="1"/></text:outline-style>'
    clause = '<text:h text:outline-level="1">clause</text:h>'
    bullets = "<text:list><text:list-item><text:p>point</text:p></text:list-item></text:list>"

    text = parse(opendocument(clause + bullets + clause, outline), "a.odt").text
    assert text.splitlines() == ["1 clause", "• point", "2 clause"]


def test_opendocument_headers_and_footers(parse: Parse) -> None:
    header, footer = (f"<style:{name}><text:p>{name}</text:p></style:{name}>" for name in ("header", "footer"))
    master = f"<style:master-page>{header}{footer}</style:master-page>"

    assert parse(opendocument("<text:p>body</text:p>", master), "a.odt").text.splitlines() == [
        "header",
        "body",
        "footer",
    ]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"\xd0\xcf\x11\xe0", "a.doc", r"Save it as \.docx"),
        (b"x", "a.wps", r"Save it as \.docx"),
        (b"x", "a.ppt", r"Save it as \.pptx"),
        (b"x", "a.pages", r"Save it as \.docx"),
        (b"x", "a.mht", r"Save it as \.html"),
        (b"x", "a.ofd", r"Save it as \.pdf"),
        (b"x", "a.bmp", r"Save it as \.png"),
        (encrypted_office_file(), "a.docx", "is encrypted"),
        (opendocument("<text:p/>", **{"META-INF_manifest.xml": "<encryption-data/>"}), "a.odt", "is encrypted"),
        (b"{\\rtf1 a}", "a.docx", "it is a Rich Text document"),
        (saved(page_picture(dpi=20)), "a.pdf", "it is a picture"),
        (b"no message", "a.msg", "it is something else"),
        (b"no picture", "a.jpg", "it is something else"),
    ],
)
def test_what_is_not_read_is_refused_by_name(parse: Parse, content: bytes, name: str, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        parse(content, name)
