"""What a document job is expected to cost, and the bound that its template sets."""

from dataclasses import dataclass

from aijobs.domain.errors import FieldError, TooExpensive


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
