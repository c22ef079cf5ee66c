"""How many tokens a text has for a language model, estimated: each vendor's tokenizer is another one."""

import re
from typing import Final

#: Parts of a text, by how tokenizers cut them. A space before a word belongs to its token.
_PARTS: Final = re.compile(
    r"(?P<word>[A-Za-z]+)|(?P<digits>[0-9]+)"
    r"|(?P<ideographs>[\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\uffef\U00020000-\U0003ffff]+)"
    r"|(?P<letters>[^\W\d_]+)|(?P<space>\s+)|(?P<marks>[^\w\s]+|_+)|(?P<other>.)",
    re.DOTALL,
)
#: Characters of one token. Digits: three for some tokenizers, one for others.
_LENGTH_OF: Final = {
    "word": 6.0,
    "digits": 1.5,
    "ideographs": 1.25,
    "letters": 3.0,
    "marks": 2.0,
    "other": 1.0,
}
_PLAIN_SPACE: Final = re.compile(" ?")


def estimated_tokens(text: str) -> int:
    return sum(map(_tokens_of, _PARTS.finditer(text)))


def _tokens_of(part: re.Match[str]) -> int:
    kind = part.lastgroup or "other"
    if kind == "space":
        return 0 if _PLAIN_SPACE.fullmatch(part[0]) else 1
    return max(1, -int(-len(part[0]) // _LENGTH_OF[kind]))
