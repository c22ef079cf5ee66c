"""The text of a Rich Text Format file (RTF 1.9.1), with foot- and endnotes, headers and footers, and table cells.

No kept library reads all of it: those that know its fonts' encodings lose the notes, or show deleted text. Deleted and
hidden text stays out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from aijobs.adapters.documents.texts.pieces import Note, paired
from aijobs.domain.errors import UnreadableFile

MAX_DEPTH: Final = 500  #: of groups

#: A control word with its number, a byte, a control sign, a brace, a line end, or text.
_TOKEN: Final = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)

#: Groups whose content is no text of the document.
_NO_TEXT: Final = frozenset(
    {
        *("fonttbl", "colortbl", "stylesheet", "info", "objdata", "filetbl", "listtable", "listoverridetable"),
        *(
            "rsidtbl",
            "generator",
            "fldinst",
            "themedata",
            "colorschememapping",
            "datastore",
            "latentstyles",
            "xmlnstbl",
        ),
        *("mmathPr", "bkmkstart", "bkmkend", "listpicture", "pgptbl", "revtbl", "nonshppict", "template", "atnid"),
        *("atnauthor", "atrfstart", "atrfend", "atndate", "sp", "pn", "userprops", "background", "ud", "xe", "tc"),
        *("wgrffmtfilter", "passwordhash", "protusertbl", "docvar", "oleclsid", "blipuid", "panose", "keywords"),
        *("ffname", "ffdeftext", "ffformat", "ffentrymcr", "ffexitmcr", "ffhelptext", "ffstattext", "xmlnstbl"),
        *("ftnsep", "ftnsepc", "ftncn", "aftnsep", "aftnsepc", "aftncn"),
    }
)
#: Marked as ones that old readers leave out, and text all the same.
_TEXT_AFTER_STAR: Final = frozenset({"shpinst", "shprslt", "do", "upr"})
_CHARACTERS: Final = {
    "par": "\n",
    "line": "\n",
    "sect": "\n",
    "page": "\n",
    "column": "\n",
    "row": "\n",
    "nestrow": "\n",
    "tab": "\t",
    "cell": "\t",
    "nestcell": "\t",
    "emdash": "—",
    "endash": "–",
    "bullet": "•",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
}
_SIGNS: Final = {b"~": "\u00a0", b"_": "-", b"-": "", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}
#: Windows' numbers of character sets (RTF 1.9.1, fcharset) and their encodings.
_CHARSETS: Final = {
    0: "cp1252",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gb18030",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    77: "mac_roman",
    255: "cp437",
}


@dataclass
class _State:
    """Of a group, inherited by those within it. `skip`: bytes to leave out after a `\\u`."""

    in_text: bool = True
    destination: str = ""
    hidden: bool = False
    deleted: bool = False
    font: int | None = None
    unicode_skip: int = 1
    starred: bool = False
    in_table: bool = False


@dataclass
class _Reader:
    codepage: str = "cp1252"
    default_font: int | None = None
    fonts: dict[int, str] = field(default_factory=dict)
    state: _State = field(default_factory=_State)
    stack: list[_State] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    notes: list[list[str]] = field(default_factory=list)
    margins: list[str] = field(default_factory=list)
    pictures: int = 0
    _bytes: bytearray = field(default_factory=bytearray)
    _skip: int = 0
    _font_declared: int | None = None

    def read(self, content: bytes) -> None:
        position = 0
        while position < len(content):
            found = _TOKEN.match(content, position)
            if found is None:  # a backslash at the very end
                break
            position = found.end()
            if found[1] == b"bin":
                position += max(0, int(found[2] or 0))
            else:
                self._token(found)
        self._flush()

    def _token(self, found: re.Match[bytes]) -> None:
        word, number, byte, sign, brace, raw = found.groups()
        if brace:
            self._open() if brace == b"{" else self._close()
        elif word:
            self._control(word.decode(), None if number is None else int(number))
        elif byte:
            self._raw(bytes.fromhex(byte.decode()))
        elif sign:
            self._sign(sign)
        elif raw:
            self._raw(raw)

    def _open(self) -> None:
        self._flush()
        if len(self.stack) >= MAX_DEPTH:
            raise UnreadableFile("The file is nested too deeply.")
        self.stack.append(self.state)
        self.state = replace(self.state, starred=False)
        self._skip = 0

    def _close(self) -> None:
        self._flush()
        if not self.stack:
            return
        closed, self.state = self.state, self.stack.pop()
        if closed.destination != self.state.destination:
            self._end_of(closed.destination)
        self._skip = 0

    def _end_of(self, destination: str) -> None:
        if destination == "note":
            note = " ".join("".join(self.notes.pop()).split())
            self._say(f" [{note}]" if note else "")
        elif destination == "margin":
            lines = paired("".join(self.notes.pop())).split("\n")
            self.margins += [line for line in lines if line.strip() and line not in self.margins]

    def _control(self, name: str, value: int | None) -> None:
        self._flush()
        state = self.state
        if name == "u" and value is not None:
            self._say_unit(value % 0x10000)
            self._skip = state.unicode_skip
            return
        self._skip = 0
        if name in _CHARACTERS:
            self._say(" " if name == "par" and state.in_table else _CHARACTERS[name])
        elif name in {"intbl", "pard"}:
            state.in_table = name == "intbl"
        elif name in {"ansicpg", "mac", "pc", "pca", "deff"}:
            self._default_encoding(name, value)
        elif name == "uc":
            state.unicode_skip = 1 if value is None else max(0, value)
        elif not self._font(name, value) and not self._visibility(name, value):
            self._destination(name)

    def _font(self, name: str, value: int | None) -> bool:
        if name == "f":
            self.state.font = self._font_declared = value
        elif name in {"fcharset", "cpg"} and self._font_declared is not None and value is not None:
            self.fonts[self._font_declared] = _CHARSETS.get(value, "") if name == "fcharset" else f"cp{value}"
        else:
            return False
        return True

    def _visibility(self, name: str, value: int | None) -> bool:
        if name in {"v", "webhidden"}:
            self.state.hidden = value != 0
        elif name == "deleted":
            self.state.deleted = value != 0
        elif name == "plain":
            self.state.hidden = self.state.deleted = False
            self.state.font = self.default_font
        else:
            return False
        return True

    def _default_encoding(self, name: str, value: int | None) -> None:
        if name == "deff":
            self.default_font = self.state.font = value
        elif name == "ansicpg":
            self.codepage = {936: "gb18030", 65001: "utf-8"}.get(value or 0, f"cp{value}")
        else:
            self.codepage = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}[name]

    def _destination(self, name: str) -> None:
        state = self.state
        if name in {"footnote", "annotation"} and state.in_text:
            state.destination = "note" if name == "footnote" else ""
            state.in_text = name == "footnote"
            if name == "footnote":
                self.notes.append([])
        elif re.fullmatch(r"(?:header|footer)[lrf]?", name) and state.in_text and state.destination == "":
            state.destination = "margin"
            self.notes.append([])
        elif name == "pict" and state.in_text:
            self.pictures += 1
            state.in_text = False
        elif name in _NO_TEXT:
            state.in_text = False
        elif name in {"shptxt", "fldrslt", "shppict", "listtext", "pntext", "formfield", "nesttableprops"}:
            state.starred = False
        elif state.starred:
            state.in_text = state.in_text and name in _TEXT_AFTER_STAR
            state.starred = False

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self.state.starred = True
            return
        self._flush()
        self._say(_SIGNS.get(sign, ""))

    def _raw(self, content: bytes) -> None:
        if self._skip:
            left = content[self._skip :]
            self._skip = max(0, self._skip - len(content))
            content = left
        self._bytes += content

    def _flush(self) -> None:
        """Bytes are decoded together: a letter may have two."""
        if self._bytes:
            encoding = self.fonts.get(self.state.font if self.state.font is not None else -1) or self.codepage
            try:
                text = bytes(self._bytes).decode(encoding)
            except (UnicodeDecodeError, LookupError):
                text = bytes(self._bytes).decode(self.codepage if _is_known(self.codepage) else "cp1252", "replace")
            self._bytes.clear()
            self._say(text)

    def _say_unit(self, unit: int) -> None:
        """A UTF-16 unit; halves of a pair are joined at the end."""
        self._say(chr(unit - 0xF000 if 0xF000 <= unit < 0xF100 and unit - 0xF000 >= 0x20 else unit))

    def _say(self, text: str) -> None:
        if self.state.in_text and not self.state.hidden and not self.state.deleted:
            (self.notes[-1] if self.notes else self.text).append(text)


def rtf_pieces(path: Path) -> Iterator[str]:
    yield from rtf_text(path.read_bytes())


def rtf_text(content: bytes) -> Iterator[str]:
    """Headers and footers first, then the text, line by line. Raises UnreadableFile."""
    reader = _Reader()
    reader.read(content)
    yield from reader.margins
    yield from (line.removesuffix("\t") for line in paired("".join(reader.text)).split("\n"))
    if reader.pictures:
        yield Note(f"pictures in the document, whose text is not read unless it is saved as PDF: {reader.pictures}")


def _is_known(encoding: str) -> bool:
    try:
        "".encode(encoding)
    except LookupError:
        return False
    return True
