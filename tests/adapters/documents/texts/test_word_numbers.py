"""Word's automatic numbers of clauses and headings, which stand in no text."""

import pytest

from tests.adapters.documents.conftest import Parse
from tests.adapters.documents.texts.office_files import Related, docx, paragraph, part, run


def level(at: int, text: str, number_format: str = "decimal") -> str:
    shown = f'<w:numFmt w:val="{number_format}"/><w:lvlText w:val="{text}"/>'
    return f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/>{shown}</w:lvl>'


def abstract_list(list_id: int, *levels: str) -> str:
    return f'<w:abstractNum w:abstractNumId="{list_id}">{"".join(levels)}</w:abstractNum>'


def listed(list_id: int, abstract: int, more: str = "") -> str:
    return f'<w:num w:numId="{list_id}"><w:abstractNumId w:val="{abstract}"/>{more}</w:num>'


FROM_ONE = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'
NUMBERING = part(
    "w:numbering",
    abstract_list(0, level(0, "%1."), level(1, "%1.%2"), level(2, "(%3)", "lowerLetter"))
    + abstract_list(1, level(0, "第%1条", "chineseCounting"))
    + abstract_list(2, level(0, "\uf0b7", "bullet"))
    + listed(1, 0)
    + listed(2, 1)
    + listed(3, 0, FROM_ONE)
    + listed(4, 2),
)
STYLES = part(
    "w:styles",
    '<w:style w:type="paragraph" w:styleId="H1"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="H1b"><w:basedOn w:val="H1"/></w:style>',
)


CHINESE = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一")


def numbered(text: str, list_id: int, at: int = 0, more: str = "") -> str:
    numbers = f'<w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="{list_id}"/></w:numPr>'
    return paragraph(run(text), properties=numbers + more)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (
            numbered("a", 1) + numbered("b", 1, 1) + numbered("c", 1, 1) + numbered("d", 1),
            ["1. a", "1.1 b", "1.2 c", "2. d"],
        ),
        (
            numbered("a", 1) + numbered("b", 1, 2) + numbered("c", 1) + numbered("d", 1, 2),
            ["1. a", "(a) b", "2. c", "(a) d"],
        ),
        (
            "".join(numbered(str(n), 2) for n in range(1, 12)),
            [
                f"第{n}条 {i}"
                for i, n in enumerate(["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一"], 1)
            ],
        ),
        (numbered("a", 1) + numbered("b", 3) + numbered("c", 1), ["1. a", "1. b", "2. c"]),
        (numbered("a", 4), ["• a"]),
        (
            paragraph(run("x"), properties='<w:pStyle w:val="H1"/>')
            + paragraph(run("y"), properties='<w:pStyle w:val="H1b"/>'),
            ["1. x", "2. y"],
        ),
        (
            numbered("a", 1)
            + paragraph(
                "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del>",
                properties='<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr><w:rPr><w:del/></w:rPr>',
            )
            + numbered("b", 1),
            ["1. a", "2. b"],
        ),
    ],
)
def test_automatic_numbers_of_clauses_and_headings(parse: Parse, body: str, lines: list[str]) -> None:
    related: Related = [("n", "numbering", "numbering.xml", NUMBERING), ("s", "styles", "styles.xml", STYLES)]

    assert parse(docx(body, related=related), "a.docx").text.splitlines() == lines
