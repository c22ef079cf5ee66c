"""Tokens, estimates, and the bound of a template."""

import pytest
from pydantic import ValidationError

from aijobs.domain.documents.costs import CostEstimate, estimated_tokens, money
from aijobs.domain.documents.templates import TemplateDefinition
from aijobs.domain.errors import TooExpensive
from aijobs.domain.llm import ModelTerms

#: Counted by the tokenizers o200k_base and cl100k_base (OpenAI) and Qwen's, in this order.
COUNTED = [
    ("The supplier delivers the goods within thirty days.", (9, 9, 9)),
    ("合同编号：HT-2026-0317，合同金额：人民币 1,250.50 元", (22, 28, 30)),
    ("SKU-1201\tWidget A blue\t17\t1,204.50\t2026-03-17", (23, 23, 33)),
]


@pytest.mark.parametrize(("text", "counted"), COUNTED)
def test_an_estimate_is_near_what_tokenizers_count(text: str, counted: tuple[int, ...]) -> None:
    assert 0.75 * max(counted) <= estimated_tokens(text) <= 1.5 * min(counted)


def test_every_character_counts() -> None:
    assert estimated_tokens("") == 0
    assert estimated_tokens("\n\n") == 1
    assert estimated_tokens("한국어 русский ไทย 🙂_") >= 8


@pytest.mark.parametrize("bound", [True, "5", "", 0, -1, float("nan"), float("inf"), [5]])
def test_a_bound_is_a_number_and_nothing_that_looks_like_one(bound: object) -> None:
    definition = {"name": "T", "prompt": "Read.", "columns": [{"name": "A"}], "max_cost": bound}

    with pytest.raises(ValidationError, match="max_cost"):
        TemplateDefinition.model_validate(definition)


@pytest.mark.parametrize("bound", [1, 0.05, None])
def test_a_bound_may_be_whole_or_not(bound: float | None) -> None:
    definition = {"name": "T", "prompt": "Read.", "columns": [{"name": "A"}], "max_cost": bound}

    assert TemplateDefinition.model_validate(definition).max_cost == bound


def test_what_is_too_expensive_is_refused_with_both_figures() -> None:
    estimate = CostEstimate(parts=1, questions=3, tokens_in=9_000, tokens_out=1_000, cost=0.5)

    estimate.require_within(None)
    estimate.require_within(0.5)
    with pytest.raises(TooExpensive, match=r"about 0\.5, .* allows 0\.4999"):
        estimate.require_within(0.4999)


def test_a_bound_cannot_be_kept_without_prices() -> None:
    estimate = CostEstimate(parts=1, questions=3, tokens_in=9_000, tokens_out=1_000, cost=None)

    estimate.require_within(None)
    with pytest.raises(TooExpensive, match="PRICE_IN"):
        estimate.require_within(5.0)


def test_terms() -> None:
    assert ModelTerms(window=9_000).cost(1_000_000, 1) == 0
    assert not ModelTerms(window=9_000, price_in=0).has_prices
    assert ModelTerms(window=9_000, price_in=1, price_out=10).cost(500_000, 100_000) == 1.5
    assert ModelTerms(window=9_000, max_output_tokens=100).answer_within(500) == 100
    assert (money(0.012345), money(12.5), money(1_234_567)) == ("0.01235", "12.5", "1,234,567")
