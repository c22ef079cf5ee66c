"""How many tokens a document has, estimated; what its job is expected to cost; and the bound that its template sets."""

import re
from dataclasses import dataclass
from typing import Final

from aijobs.domain.errors import FieldError, TooExpensive

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
    """By the kinds of characters: each vendor's tokenizer is another one."""
    return sum(map(_tokens_of, _PARTS.finditer(text)))


def _tokens_of(part: re.Match[str]) -> int:
    kind = part.lastgroup or "other"
    if kind == "space":
        return 0 if _PLAIN_SPACE.fullmatch(part[0]) else 1
    return max(1, -int(-len(part[0]) // _LENGTH_OF[kind]))


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """An estimate for one document. Long ones are asked about in several `parts`.

    `cost` is in the currency of the prices; None where they are not known.
    """

    parts: int
    questions: int
    tokens_in: int
    tokens_out: int
    cost: float | None

    def require_within(self, max_cost: float | None) -> None:
        """Raises TooExpensive when it is more, or when it cannot be told."""
        if max_cost is None:
            return
        if self.cost is None:
            raise TooExpensive(
                f"The template allows {money(max_cost)} for a document (max_cost), and the prices of the model are not "
                "known: set AIJOBS_CHAT__PRICE_IN and AIJOBS_CHAT__PRICE_OUT, to 0 for a model that is free."
            )
        if self.cost > max_cost:
            raise TooExpensive(
                f"The document would cost about {money(self.cost)}, and its template allows {money(max_cost)}.",
                FieldError("/file", f"About {self.tokens_in + self.tokens_out:,} tokens in {self.questions} answers."),
            )


def money(amount: float) -> str:
    """With four significant digits: `0.0123`, `12.5`."""
    return f"{amount:.4g}" if amount < 10_000 else f"{amount:,.0f}"
