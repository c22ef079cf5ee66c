"""What the words between and behind the tables of an answer say of them, in English and Chinese."""

import re
from enum import Enum, auto
from typing import Final

MAX_BEFORE: Final = 300  #: characters before a table that are looked at


class Joint(Enum):
    """What the words before a table say of it and the table before them."""

    CONTINUES = auto()
    CORRECTS = auto()
    UNKNOWN = auto()


def _pattern(english: str, chinese: str) -> re.Pattern[str]:
    words = "|".join(english.split(", "))
    return re.compile(rf"\b(?:{words})\b|{chinese}", re.IGNORECASE)


_LIST_MARKER: Final = r"^\s*(?:[-*•>]|#+|\d{1,4}[.)、:]?|[(（]\d{1,4}[)）])\s+"
_MARKUP: Final = re.compile(rf"`{{3,}}[\w-]*|{_LIST_MARKER}|[\s,，;；、。.:：*_\-=~]+|`", re.MULTILINE)

_PART: Final = r"(?:page|part|sheet|section|chunk|batch|table|block|row|record|line|item|entry)s?"
_CONTINUES: Final = _pattern(
    rf"{_PART}\s*[#:]?\s*\d+, next {_PART}, continu(?:ed|es|ing|ation), cont, followed by",
    r"第\s*[\d一二三四五六七八九十]+\s*[页部分批张段]|续|接上|下一[页部张]",
)
_ADDS: Final = _pattern(
    r"miss(?:ed|ing), also, additional\w*, another, forgot\w*, left out, overlooked, add(?:ed|ing)?, in addition, "
    r"plus, one more, remaining",
    "漏|遗漏|补充|另外|还有|追加|缺少|剩余|其余",
)
_CORRECTS: Final = _pattern(
    r"wait, actually, correct(?:ed|ion|ing)?, better, revis\w*, final\w*, instead, mistake\w*, wrong, sorry, "
    r"apolog\w*, oops, hmm, fix\w*, updat\w*, should (?:be|have), re-?check\w*, double[- ]check\w*, verif\w*, "
    r"amend\w*, improved?, rather, no",
    "更正|修正|改正|纠正|不对|错了|有误|应为|应该是|重新|抱歉|最终|更新|等等|等一下|核对|检查",
)
_TO_TABLE: Final = r"[^.。!?\n]*\n?\s*(?:`{3,}[\w-]*\s*)?\Z"
#: Directly before a table: it is an example.
_EXAMPLE: Final = re.compile(
    rf"(?:\b(?:for example|e\.g\.|maybe|perhaps|something like|placeholder)\b|例如|比如|也许){_TO_TABLE}", re.IGNORECASE
)
#: … and others follow: an example, a draft or a quotation.
_DRAFT: Final = re.compile(
    rf"(?:\b(?:example|draft|such as|sample|tentative\w*|first try)\b|示例|样例|草稿|可能是|初稿){_TO_TABLE}"
    r"|^\s*>[^\n]*\Z",
    re.IGNORECASE | re.MULTILINE,
)
_ROWS: Final = r"(?:rows|entries|items|lines|records|orders|products)"
#: The table is said not to be all of it.
_PARTIAL: Final = re.compile(
    rf"\b\d+ (?:more|other|additional|remaining|further) (?:\w+ )?{_ROWS}"
    rf"|(?<!no )\b{_ROWS}\b[^.\n]{{0,30}}\b(?:omitted|truncated|left out|not shown|skipped|abbreviated)"
    rf"|\b(?:omitted|truncated|skipped|abbreviated)\b[^.\n]{{0,30}}\b{_ROWS}|\((?:truncated|continued)\b"
    r"|to be continued|continues? in (?:the|my) next|remaining rows (?:follow|are)|and so on\b"
    r"|未完待续|其余[^。\n]{0,8}(?:省略|略|类推|同)|省略[^。\n]{0,8}[行条项]|未(?:能)?全部列出|仅列出|以下省略|以此类推",
    re.IGNORECASE,
)
#: At the beginning of a sentence, or said of the answer: an offer to correct something is no doubt.
_DOUBTS: Final = re.compile(
    r"(?:^|[.!?。！？\n])\W*(?:wait|actually|hmm+|oops|no,|sorry, (?:i|that)|correction|on second thought|but wait"
    r"|hold on|let me (?:re|double|fix|correct))\b"
    r"|\bI (?:missed|forgot|made (?:a|an) (?:mistake|error)|overlooked|need to (?:correct|fix|redo))\b"
    r"|\b(?:that|this|it) (?:is|was|isn't|is not) (?:wrong|incorrect|not right|correct\?)"
    r"|不对|等等，|等一下|我漏|漏了|遗漏了|有误|错了|需要更正|更正[:：]|应为|应该是",
    re.IGNORECASE,
)


def joint_of(words: str) -> Joint:
    """What the words between two tables say. Nothing but fences, commas and list markers: one continues the other."""
    bare = _MARKUP.sub(" ", words)
    if not bare.strip():
        return Joint.CONTINUES
    if _ADDS.search(bare):
        return Joint.UNKNOWN
    if _CORRECTS.search(bare):
        return Joint.CORRECTS
    return Joint.CONTINUES if _CONTINUES.search(bare) else Joint.UNKNOWN


def is_example(words: str) -> bool:
    """Whether the words before a table say that it is none but an example."""
    return _EXAMPLE.search(words, max(0, len(words) - MAX_BEFORE)) is not None


def is_draft(words: str) -> bool:
    """Whether the words before a table, which another one follows, call it an example, a draft or a quotation."""
    return is_example(words) or _DRAFT.search(words, max(0, len(words) - MAX_BEFORE)) is not None


def says_doubt(words: str) -> bool:
    """Whether the words behind the last table doubt it, or say that it is not all."""
    return _DOUBTS.search(words) is not None or _PARTIAL.search(words) is not None
