"""Office files written part by part, for what no library writes."""

from collections.abc import Mapping, Sequence

from tests.adapters.documents.makers import archive

RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{address}"'
    for prefix, address in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "r": RELATION,
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "v": "urn:schemas-microsoft-com:vml",
        "o": "urn:schemas-microsoft-com:office:office",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
    }.items()
)

Related = Sequence[tuple[str, str, str, str | bytes]]
"""Parts that the main part refers to: relation id, the end of the relation's type, part name, content."""


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*content: str, properties: str = "") -> str:
    return f"<w:p>{f'<w:pPr>{properties}</w:pPr>' if properties else ''}{''.join(content)}</w:p>"


def part(root: str, content: str) -> str:
    return f"<{root} {NAMESPACES}>{content}</{root}>"


def docx(body: str, *, related: Related = (), more: Mapping[str, str | bytes] | None = None) -> bytes:
    """A Word document with this XML as its body."""
    return archive(
        {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "_rels/.rels": relations([("rId1", "officeDocument", "word/document.xml")]),
            "word/document.xml": part("w:document", f"<w:body>{body}</w:body>"),
            "word/_rels/document.xml.rels": relations([(rid, kind, name) for rid, kind, name, _ in related]),
            **{f"word/{name}": content for _, _, name, content in related},
            **(more or {}),
        }
    )


def relations(listed: Sequence[tuple[str, str, str]]) -> str:
    """Of ids, ends of types, and targets."""
    written = "".join(
        f'<Relationship Id="{rid}" Type="{RELATION}/{kind}" Target="{target}"/>' for rid, kind, target in listed
    )
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{written}</Relationships>'
    )
