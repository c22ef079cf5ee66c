"""Which encoding a text has: by its marks, else where two judges agree, a library and a count of common characters.

One of them alone takes 13 of 60 short Chinese texts for something else; so does every guess without a second one.
"""

import codecs
import re
from collections.abc import Callable, Mapping
from typing import Final

import chardet

from aijobs.adapters.documents.encodings.common_characters import HANGUL, JAPANESE, SIMPLIFIED, TRADITIONAL
from aijobs.domain.errors import UnreadableFile

SAMPLE_BYTES: Final = 64 * 1024
LEAST_SCORE: Final = 0.45  #: of a text's mean character
SHORT: Final = 12  #: characters beyond ASCII; of so few the next encoding must be worse by MARGIN_OF_SHORT
MARGIN_OF_SHORT: Final = 0.2
VERY_SHORT: Final = 3
LEAST_SCORE_OF_VERY_SHORT: Final = 0.9
NEARLY: Final = 0.7  #: of the library's first choice
CLEARLY: Final = 2  #: times as likely as its next choice
LEAST_SCORE_OF_RIVAL: Final = 0.7  #: of another encoding, where the text is UTF-8 too
LEAST_SCORE_OF_UTF_16: Final = 0.8  #: without a mark
ZEROS_OF_UTF_16: Final = 0.9  #: the share of every second byte

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Encodings in plain ASCII that switch between character sets (RFC 1468, RFC 1557, RFC 1843).
_SHIFTED: Final = (
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
    (re.compile(rb"\x1b(?:\$[@AB(]|\([BIJ])"), "iso2022_jp_ext"),
    (re.compile(rb"~\{(?:[!-w][!-~])+~\}"), "hz"),
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")

#: The library's names for an encoding, which is decoded by the first that can.
_LIBRARY_NAMES: Final[Mapping[str, frozenset[str]]] = {
    "gb18030": frozenset({"gb18030", "gbk", "gb2312", "hz"}),
    "cp950": frozenset({"big5", "big5hkscs", "cp950"}),
    "cp932": frozenset({"cp932", "shift_jis", "shift_jis_2004", "shift_jisx0213"}),
    "euc_jp": frozenset({"euc_jp", "euc_jis_2004", "euc_jisx0213"}),
    "cp949": frozenset({"cp949", "euc_kr", "johab", "uhc"}),
    "cp1252": frozenset({"windows_1252", "iso_8859_1", "iso8859_15", "cp1252", "iso8859_1"}),
}
_PUNCTUATION: Final = frozenset(
    "，。、；：？！“”‘’（）《》〈〉【】「」『』—…·￥％＋－＝／～　〔〕０１２３４５６７８９№℃①②③④⑤"
)
_LATIN: Final = frozenset("äöüßÄÖÜéèêëàâçîïôûùœÉÈÀÇñÑáíóúÁÍÓÚ¿¡ãõÃÕåÅæøÆØìò")
_LATIN_SIGNS: Final = frozenset("€£§°“”„‘’–—…•©®™«»²³½¼¾±×·µ\xa0´")


def decoded(content: bytes) -> str:
    """The text, without its byte order mark. Raises UnreadableFile when its encoding is not certain."""
    encoding = _encoding_of(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as undecodable:
        raise _uncertain() from undecodable
    if _CONTROLS.search(text):
        raise UnreadableFile("The file's name is that of a text, but it is something else.")
    return text


def _encoding_of(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    if (encoding_of_pairs := _utf_16_without_mark(content)) is not None:
        return encoding_of_pairs
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _by_two_judges(content)
    if _is_utf_8_by_chance(text, content):
        raise _uncertain()
    return next((encoding for pattern, encoding in _SHIFTED if pattern.search(content)), "utf-8")


def _is_utf_8_by_chance(text: str, content: bytes) -> bool:
    """A few pairs of bytes that are rare letters in UTF-8, and common characters in another encoding."""
    found = _NOT_ASCII.findall(text[: 100 * SHORT])
    if not 0 < len(found) < SHORT or any(char > "\u07ff" or char in _LATIN or char in _LATIN_SIGNS for char in found):
        return False
    scores = (_score(content, encoding) for encoding in _SCORES)
    return max((score for score in scores if score is not None), default=0) >= LEAST_SCORE_OF_RIVAL


def _utf_16_without_mark(content: bytes) -> str | None:
    """Zeros in every second place (Latin letters), or nearly all characters common in Chinese."""
    if len(content) < 4 or len(content) % 2:
        return None
    sample = content[:SAMPLE_BYTES]
    for encoding, high in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if high.count(0) >= ZEROS_OF_UTF_16 * len(high):
            return encoding
        text = sample.decode(encoding, "replace")
        common = sum(char in SIMPLIFIED or char in TRADITIONAL or char in _PUNCTUATION for char in text)
        plain = sum(" " <= char <= "~" or char in "\r\n\t" for char in text)
        if common and common + plain >= LEAST_SCORE_OF_UTF_16 * len(text) and not _CONTROLS.search(text):
            return encoding
    return None


def _by_two_judges(content: bytes) -> str:
    """Raises UnreadableFile when they do not agree, or the text reads badly to both."""
    sample = _without_cut_character(content)
    scores = {encoding: score for encoding in _SCORES if (score := _score(sample, encoding)) is not None}
    best, *others = sorted(scores, key=scores.__getitem__, reverse=True) or [""]
    likely = _by_library(sample)
    if best not in likely or scores[best] < LEAST_SCORE or likely[best] < NEARLY * max(likely.values()):
        raise _uncertain()
    count = len(_NOT_ASCII.findall(sample.decode(best)))
    if count < VERY_SHORT and scores[best] < LEAST_SCORE_OF_VERY_SHORT:
        raise _uncertain()
    margin = scores[best] - max((scores[other] for other in others), default=-1)
    if count < SHORT and margin < MARGIN_OF_SHORT and not _is_clear_to_library(likely, best, count):
        raise _uncertain()
    return best


def _is_clear_to_library(likely: Mapping[str, float], best: str, count: int) -> bool:
    others = max((confidence for encoding, confidence in likely.items() if encoding != best), default=0)
    return count >= SHORT // 2 and likely[best] > CLEARLY * others


def _without_cut_character(content: bytes) -> bytes:
    """A sample that ends where a line does, if it is not all."""
    if len(content) <= SAMPLE_BYTES:
        return content
    sample = content[:SAMPLE_BYTES]
    return sample[: max(sample.rfind(b"\n"), sample.rfind(b"\r")) + 1] or content


def _by_library(sample: bytes) -> dict[str, float]:
    """How likely the library holds each encoding."""
    likely: dict[str, float] = {}
    for found in chardet.detect_all(sample, ignore_threshold=True):
        name = (found["encoding"] or "").lower().replace("-", "_")
        for encoding, names in _LIBRARY_NAMES.items():
            if name in names:
                likely.setdefault(encoding, found["confidence"] or 0)
    return likely


def _score(sample: bytes, encoding: str) -> float | None:
    """How usual the characters beyond ASCII are, from -2 to 1; None for what it cannot be."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return None
    found = _NOT_ASCII.findall(text)
    if not found or _CONTROLS.search(text):
        return None
    if encoding == "cp1252":
        return _score_of_latin(text)
    return sum(map(_SCORES[encoding], found)) / len(found)


def _score_of_latin(text: str) -> float:
    """Letters beyond ASCII stand alone or in pairs between plain ones."""
    total = count = 0
    for run in re.finditer(r"[^\x00-\x7f]+", text):
        usual = all(char in _LATIN or char in _LATIN_SIGNS for char in run[0]) and len(run[0]) <= 2
        count += len(run[0])
        total += len(run[0]) if usual else -len(run[0])
    return total / count


def _scores_of_han(common: frozenset[str], codec: str, first_level: range) -> Callable[[str], float]:
    def score(char: str) -> float:
        if char in common:
            return 1
        if char in _PUNCTUATION:
            return 0.8
        if "\ue000" <= char <= "\uf8ff":
            return -2
        if not "\u4e00" <= char <= "\u9fff":
            return -1
        try:
            lead = char.encode(codec)[0]
        except UnicodeEncodeError:
            return -0.6
        return 0.55 if lead in first_level else -0.6

    return score


def _japanese(char: str) -> float:
    if "\u3041" <= char <= "\u30fe":
        return 1
    return _han_in_japanese(char)


def _korean(char: str) -> float:
    if "\uac00" <= char <= "\ud7a3":
        return 1 if char in HANGUL else 0.55 if _is_in_first_standard(char) else -0.6
    return 0.8 if char in _PUNCTUATION else -0.6


def _is_in_first_standard(char: str) -> bool:
    """Among the 2,350 syllables of KS X 1001; the others of CP949 are hardly used."""
    try:
        char.encode("euc_kr")
    except UnicodeEncodeError:
        return False
    return True


_han_in_japanese: Final = _scores_of_han(JAPANESE, "euc_jp", range(0xB0, 0xD0))

_SCORES: Final[Mapping[str, Callable[[str], float]]] = {
    "gb18030": _scores_of_han(SIMPLIFIED, "gb2312", range(0xB0, 0xD8)),
    "cp950": _scores_of_han(TRADITIONAL, "big5", range(0xA4, 0xC7)),
    "cp932": _japanese,
    "euc_jp": _japanese,
    "cp949": _korean,
    "cp1252": lambda _: 0,  # judged by its neighbours
}


def _uncertain() -> UnreadableFile:
    return UnreadableFile(
        "The file is no text in UTF-8, and which other encoding it has is not certain. Save it as UTF-8."
    )
