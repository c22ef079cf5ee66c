"""Texts that parsers stumble over: arbitrary ones, and good ones that were damaged."""

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

#: Put into good texts. Each has broken a parser somewhere.
FRAGMENTS: Final = (
    "\0", "\ud800", "\ufeff", "\u202e", "\r\n", "\x1b[2J", "٣", "９", "²", "İ", "ﬁ",
    "9" * 400, "9" * 5000, "-0", "1e999", "1e-999", "NaN", "Infinity", "0x10", "1_000", "+1", " 1",
    "[" * 2000, "{" * 2000, '{"a":' * 500, "(" * 500, "<a>" * 500, '"', "'", "\\", "\\u0000", "\\ud800", "\\x",
    "=", "==", ";", ",", ":", "/", "../", "%00", "%", "%s", "{0}", "{{", "}}", "{{a.b}}", "${x}", "#{", "`",
    "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 31 Feb 2026 25:61:61 +9999",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "24:00", "data:", "event:", "id:", "retry: 9" + "9" * 400,
    "a" * 10_000, "", " ", "\t",
)  # fmt: skip


def texts(*good: str) -> st.SearchStrategy[str]:
    """Arbitrary texts, and `good` ones with something cut out, put in or repeated, several times."""
    any_text = st.text(st.characters(codec=None), max_size=200) | st.sampled_from(FRAGMENTS)
    return st.one_of(any_text, damaged(good)) if good else any_text


@st.composite
def damaged(draw: st.DrawFn, good: Sequence[str]) -> str:
    text = draw(st.sampled_from(good))
    for _ in range(draw(st.integers(0, 3))):
        start, end = sorted(draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        match draw(st.integers(0, 2)):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:start] + draw(st.sampled_from(FRAGMENTS)) + text[start:]
            case _:
                text = text[:end] + text[start:end] * 2 + text[end:]
    return text[:100_000]


def as_bytes(text: str) -> bytes:
    """As UTF-8, with lone surrogates as they are: no valid UTF-8."""
    return text.encode("utf-8", "surrogatepass")
