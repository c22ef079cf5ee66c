"""Takes a model's thoughts out of its answer: `<think>…</think>` and its other spellings."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Final

MAX_TAGS: Final = 500  #: an answer with more of them is left as it is
MAX_ATTEMPTS: Final = 1000  #: brackets at which a JSON document is looked for

#: Names that no template asks for, and names under which one may ask for a part of its answer.
_THOUGHT: Final = r"(?:[\w.:-]*think\w*|(?:\w+[_ -])?thoughts?(?:[_ ]process)?|reasoning(?:_\w+)?|思考(?:过程)?|思维链)"
_WORKING: Final = (
    r"(?:reasons?|reflect(?:ion|ing)?|scratch_?pad|analysis|deliberation|rationale|cot|(?:inner|internal)[_-]monologue"
    r"|推理(?:过程)?)"
)


def _tag(name: str) -> re.Pattern[str]:
    """`<think>`, `</Thinking >`, `<reasoning effort="low">`, `<|begin_of_thought|>`, `<|END_THINKING|>`, `◁/think▷`,
    `[THINK]`, `&lt;think&gt;`, `＜think＞`, `<unused94>thought`."""
    return re.compile(
        rf"""(?:<\|?|&lt;|＜|◁|\[(?=[/a-z_-]*(?:think|reason|thought)[a-z]*\]))
        [ ]?(?P<close>[/／]|end[_▁](?:of[_▁])?)?(?:begin[_▁]of[_▁]|start[_▁](?:of[_▁])?)?
        {name}(?:\s[^<>\n]{{0,200}})?[ ]?
        (?:\|?>|&gt;|＞|▷|\])
        |<unused9(?:4>(?:thought\b)?|(?P<close_unused>5)>)""",
        re.IGNORECASE | re.VERBOSE,
    )


_HEARD: Final = _tag(_THOUGHT)
_IN_TABLES: Final = _tag(rf"(?:{_THOUGHT}|{_WORKING})")
_FENCE: Final = re.compile(
    r"^[ \t]*`{3,}[ \t]*(?:think\w*|thoughts?|reason\w*|scratchpad|思考)[ \t]*\n.*?^[ \t]*`{3,}[ \t]*$",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
#: Tags of OpenAI's harmony format, and what is left of them when a server drops the special tokens.
_FINAL_CHANNEL: Final = re.compile(r"<\|channel\|>\s*final\b[^<{\[]*<\|message\|>|(?<=[\s.?!])assistantfinal")
_OTHER_CHANNEL: Final = re.compile(r"(?:<\|start\|>\s*assistant\s*)?<\|channel\|>|analysis(?=[A-Z\s])")
_END_TOKENS: Final = re.compile(r"(?:<\|(?:return|end|im_end|eot_id|endoftext)\|>\s*)+$")

_QUOTES: Final = "\"'`“”‘’"


def without_thoughts(text: str, *, of_table: bool = False) -> str:
    """The answer alone; empty where there are only thoughts. `of_table`: also without an analysis beside the table.

    * What stands between an opening and a closing tag is a thought. An opening tag within a thought is a mention.
    * A closing tag without an opening one ends a thought that began with the answer.
    * A thought that is not closed makes an answer empty that begins with it. Behind other words it is left as it is:
      who reads a table from it asks again.
    * A fence that is called `thinking` is a thought too.
    * A tag in a JSON document, behind a bracket that is not closed, or directly between quotes, is data.
    """
    text = _FENCE.sub("", _END_TOKENS.sub("", _final_channel(text)))
    kept, position, opened = list[str](), 0, None
    for tag, closes in _tags(text, _IN_TABLES if of_table else _HEARD):
        if closes:
            if opened is None:
                kept.clear()
            opened, position = None, tag.end()
        elif opened is None and not _has_open_bracket("".join([*kept, text[position : tag.start()]])):
            kept.append(text[position : tag.start()])
            opened = tag.start()
    if opened is not None:
        return "".join([*kept, text[opened:]]) if "".join(kept).strip() else ""
    return "".join([*kept, text[position:]]).strip() if position else text


def has_open_thought(text: str) -> bool:
    """Whether a thought is left in what `without_thoughts` returned for a table: the answer was not finished."""
    return next(_tags(text, _IN_TABLES), None) is not None


def _final_channel(text: str) -> str:
    if _OTHER_CHANNEL.match(text.lstrip()) is None:
        return text
    ends = [found.end() for found in _FINAL_CHANNEL.finditer(text)]
    if ends:
        return text[ends[-1] :]
    return "" if "<|channel|>" in text else text


def _has_open_bracket(text: str) -> bool:
    for start, end in reversed(_documents(text, until=len(text))):
        text = text[:start] + text[end:]
    return any(text.count(opening) > text.count(closing) for opening, closing in ("{}", "[]", "｛｝", "［］"))


def _tags(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[re.Match[str], bool]]:
    """The tags that are no data, and whether each closes."""
    found = list(itertools.islice(pattern.finditer(text), MAX_TAGS + 1))
    if len(found) > MAX_TAGS:
        return
    documents = _documents(text, until=found[-1].start()) if found else []
    for tag in found:
        before, after = text[tag.start() - 1 : tag.start()], text[tag.end() : tag.end() + 1]
        is_quoted = bool(before and after) and before in _QUOTES and after in _QUOTES
        if not is_quoted and not any(start < tag.start() < end for start, end in documents):
            yield tag, bool(tag["close"] or tag["close_unused"])


def _documents(text: str, *, until: int) -> list[tuple[int, int]]:
    """Where valid JSON begins and ends."""
    decoder, spans, position = json.JSONDecoder(), list[tuple[int, int]](), 0
    for _ in range(MAX_ATTEMPTS):
        bracket = re.compile(r"[\[{]").search(text, position, until)
        if bracket is None:
            break
        position = bracket.start() + 1
        try:
            position = decoder.raw_decode(text, bracket.start())[1]
        except (ValueError, RecursionError):
            continue
        spans.append((bracket.start(), position))
    return spans
