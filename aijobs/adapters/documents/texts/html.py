"""The text of an HTML page as a reader sees it: no scripts, no hidden parts; rows of tables are lines with tabs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

from aijobs.adapters.documents.texts.pieces import Note
from aijobs.adapters.documents.texts.plain import decoded_as
from aijobs.domain.errors import UnreadableFile

MAX_DIGITS: Final = 10  #: of an item's number
HEAD_BYTES: Final = 4096  #: within which a page declares its encoding; browsers look at 1024

_DECLARED: Final = re.compile(
    rb"""<meta[^>]{0,300}charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)|<\?xml[^>]{0,300}encoding=["']([\w.-]+)""",
    re.IGNORECASE,
)
_NOT_SHOWN: Final = frozenset({"script", "style", "noscript", "template", "rt", "rp", "datalist"})
_EMBEDDED: Final = frozenset({"iframe", "object", "embed", "frame"})
_BLOCKS: Final = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div"),
        *("dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("header", "hr", "legend", "li", "main", "menu", "nav", "ol", "option", "p", "pre", "section", "summary"),
        *("table", "title", "tr", "ul", "html", "head"),
    }
)
_HIDDEN_STYLE: Final = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all)", re.IGNORECASE
)
_SPACES: Final = re.compile(r"[ \t\r\n\f]+")
_CHECKED, _UNCHECKED = "☑", "☐"

Node = Any  #: of selectolax


def html_pieces(path: Path) -> Iterator[str]:
    yield from html_text(path.read_bytes())


def html_text(content: bytes | str, charset: str | None = None) -> Iterator[str]:
    """`charset` is what a mail says of its part; the page may say it itself. Raises UnreadableFile."""
    if isinstance(content, bytes):
        found = _DECLARED.search(content[:HEAD_BYTES])
        has_mark = content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))
        declared = (found[1] or found[2]).decode() if found else None
        content = decoded_as(content, "utf-16" if has_mark and content[0] != 0xEF else charset or declared)
    root = LexborHTMLParser(content.lstrip("\ufeff")).root
    if root is None:
        return
    page = _Page()
    try:
        page.add(root)
    except RecursionError as deep:
        raise UnreadableFile("The page is nested too deeply.") from deep
    yield from page.lines()
    if page.embedded:
        yield Note(f"other pages and objects shown within this one, which are not read: {page.embedded}")
    if page.pictures:
        yield Note(f"pictures on the page, whose text is not read: {page.pictures}")


class _Page:
    """Collects lines. `preformatted`: spaces and line ends count."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._open = ""
        self._numbers: list[int | None] = []  #: of the lists that are open, each list's next one; None for bullets
        self.embedded = self.pictures = 0

    def lines(self) -> list[str]:
        self._end_line()
        return self._lines

    def add(self, node: Node, *, preformatted: bool = False) -> None:
        tag = node.tag
        if tag == "-text":
            self._write(node.text_content or "", preformatted=preformatted)
        elif tag == "br":
            self._lines.append(self._open.rstrip(" "))
            self._open = ""
        elif tag in _EMBEDDED:
            self.embedded += 1
        elif not (tag.startswith(("-", "!")) or tag in _NOT_SHOWN or _is_hidden(node)):
            self._add_element(node, tag, preformatted=preformatted or tag in {"pre", "textarea"})

    def _add_element(self, node: Node, tag: str, *, preformatted: bool) -> None:
        if tag in _BLOCKS:
            self._end_line()
        match tag:
            case "table":
                self._table(node)
            case "select":
                self._chosen(node)
            case "input":
                self._input(node)
            case "img":
                self._picture(node)
            case "ol" | "ul" | "menu":
                self._numbers.append(_number(node, "start", 1) if tag == "ol" else None)
                self._add_inner(node, preformatted=preformatted)
                self._numbers.pop()
            case _:
                self._open += self._bullet(node) if tag == "li" else ""
                self._add_inner(node, preformatted=preformatted)
        if tag in _BLOCKS:
            self._end_line()

    def _add_inner(self, node: Node, *, preformatted: bool) -> None:
        for inner in _children(node):
            self.add(inner, preformatted=preformatted)

    def _bullet(self, item: Node) -> str:
        """Items of an ordered list have their numbers."""
        following = self._numbers[-1] if self._numbers else None
        if following is None:
            return "• "
        number = _number(item, "value", following)
        self._numbers[-1] = number + 1
        return f"{number}. "

    def _write(self, text: str, *, preformatted: bool) -> None:
        if preformatted:
            *whole, last = text.split("\n")
            for line in whole:
                self._lines.append(self._open + line)
                self._open = ""
            self._open += last
            return
        text = _SPACES.sub(" ", text)
        self._open += text.lstrip(" ") if not self._open or self._open.endswith((" ", "\t")) else text

    def _end_line(self) -> None:
        if self._open.strip():
            self._lines.append(self._open.rstrip(" "))
        self._open = ""

    def _table(self, table: Node) -> None:
        """A row with a table in a cell is layout: its cells follow each other. A cell that spans rows is in each."""
        above: dict[int, tuple[str, int]] = {}
        for row in _rows(table):
            if row.tag != "tr":
                self.add(row)
            elif row.css_first("table") is not None:
                for cell in _children(row):
                    self._end_line()
                    self.add(cell)
                self._end_line()
            else:
                texts = [*self._cells(row, above)]
                if any(texts):
                    self._lines.append("\t".join(texts))

    def _cells(self, row: Node, above: dict[int, tuple[str, int]]) -> Iterator[str]:
        at = 0
        for cell in _children(row):
            if cell.tag not in {"td", "th"} or _is_hidden(cell):
                continue
            while at in above:
                yield _taken(above, at)
                at += 1
            inner = _Page()
            for part in _children(cell):
                inner.add(part)
            text = " ".join(" ".join(inner.lines()).split())
            self.embedded, self.pictures = self.embedded + inner.embedded, self.pictures + inner.pictures
            rows, columns = _span(cell, "rowspan"), _span(cell, "colspan")
            yield text
            for column in range(at, at + columns):
                if rows > 1:
                    above[column] = (text if column == at else "", rows - 1)
            yield from [""] * (columns - 1)
            at += columns
        while at in above:
            yield _taken(above, at)
            at += 1

    def _chosen(self, node: Node) -> None:
        options = [option for option in node.css("option") if option.tag == "option"]
        chosen = [option for option in options if "selected" in option.attributes] or options[:1]
        self._open += ", ".join((option.text() or "").strip() for option in chosen)

    def _input(self, node: Node) -> None:
        kind = (node.attributes.get("type") or "text").lower()
        if kind in {"checkbox", "radio"}:
            self._open += _CHECKED if "checked" in node.attributes else _UNCHECKED
        elif kind not in {"hidden", "password", "file", "image"}:
            self._open += node.attributes.get("value") or ""

    def _picture(self, node: Node) -> None:
        if alternative := (node.attributes.get("alt") or "").strip():
            self._open += f"[picture: {alternative}]"
        elif not {node.attributes.get("width"), node.attributes.get("height")} & {"0", "1"}:
            self.pictures += 1


def _children(node: Node) -> Iterator[Node]:
    inner = node.child
    while inner is not None:
        yield inner
        inner = inner.next


def _rows(table: Node) -> Iterator[Node]:
    """Rows, and the caption."""
    for inner in _children(table):
        if inner.tag in {"tr", "caption"}:
            yield inner
        elif inner.tag in {"tbody", "thead", "tfoot"} and not _is_hidden(inner):
            yield from _rows(inner)


def _is_hidden(node: Node) -> bool:
    if not node.attributes:
        return False
    style = node.attributes.get("style")
    return "hidden" in node.attributes or bool(style and _HIDDEN_STYLE.search(style))


def _number(node: Node, name: str, default: int) -> int:
    written = node.attributes.get(name) or ""
    return int(written) if written.isdecimal() and len(written) < MAX_DIGITS else default


def _span(cell: Node, name: str) -> int:
    return min(max(_number(cell, name, 1), 1), 1000)


def _taken(above: dict[int, tuple[str, int]], at: int) -> str:
    text, left = above.pop(at)
    if left > 1:
        above[at] = (text, left - 1)
    return text
