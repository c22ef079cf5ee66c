"""What a document job costs is told before, and bounded while it runs."""

from pathlib import Path
from typing import Any, Final

import pytest
from sqlmodel import Session

from aijobs.domain.documents.costs import CostEstimate, estimated_tokens
from aijobs.domain.documents.formats import DocumentSize
from aijobs.domain.documents.templates import TemplateDefinition
from aijobs.domain.errors import TooExpensive
from aijobs.domain.llm import Conversation, ConversationPlan, ModelTerms, Prompt, Role, StoredMessage
from aijobs.generators.costs import ANSWER_TOKENS, TABLE_TOKENS, CostLimit, estimated_cost
from aijobs.persistence.documents.templates import save_template, template_of
from cli.embedded.temporal_server import TemporalServer
from sandbox.server import RunningSandbox
from tests.generators.conftest import COLUMNS, CONTRACT, PROMPT, DocumentJobs, opened_study
from tests.generators.test_document import error_of

PRICES: Final[dict[str, Any]] = {"price_in": 1_000.0, "price_out": 2_000.0}
"""So that a token costs a thousandth, and two."""


def plan_of(*prompts: str) -> ConversationPlan:
    return ConversationPlan(
        instruction="", prompts=tuple(Prompt(text=text) for text in prompts), template_id="t", template_version=1
    )


def test_each_question_sends_what_was_said_before_it() -> None:
    terms = ModelTerms(window=9_000, price_in=1, price_out=1)

    estimate = estimated_cost(terms, plan_of("a", "b"), [1_000], sources=False)

    table = 500 + TABLE_TOKENS
    tokens_in = (1_000 + 1) + (1_000 + 1 + ANSWER_TOKENS + 1)
    tokens_out = ANSWER_TOKENS + table
    assert estimate == CostEstimate(
        parts=1, questions=2, tokens_in=tokens_in, tokens_out=tokens_out, cost=terms.cost(tokens_in, tokens_out)
    )


def test_a_table_of_several_answers_is_asked_for_several_times() -> None:
    whole = estimated_cost(ModelTerms(window=9_000), plan_of("a"), [1_000], sources=False)
    cut = estimated_cost(ModelTerms(window=9_000, max_output_tokens=200), plan_of("a"), [1_000], sources=False)

    assert (whole.questions, cut.questions) == (1, 4)
    assert cut.tokens_in > 4 * 1_000
    assert whole.cost is cut.cost is None


async def bounded(study: DocumentJobs, max_cost: float) -> None:
    def work(session: Session) -> None:
        definition = {"name": "Bounded", "prompt": PROMPT, "columns": COLUMNS, "max_cost": max_cost}
        save_template(session, "bounded", TemplateDefinition.model_validate(definition), saved_by="test")

    await study.bench.database.write(work)


def test_lost_answers_may_have_been_charged() -> None:
    terms = ModelTerms(window=9_000, price_in=1_000, price_out=1_000)
    question = StoredMessage(stage=1, role=Role.USER, text="a", lost=2)
    conversation = Conversation(job_code="job", stages=1, template_id="t", template_version=1, lines=(question,))

    CostLimit(terms=terms, max_cost=0.034, answer=10).require(conversation, 1)
    with pytest.raises(TooExpensive, match=r"0\.011 after 0\.022"):
        CostLimit(terms=terms, max_cost=0.032, answer=10).require(conversation, 1)


def test_the_endpoints_own_count_is_taken_where_there_is_one() -> None:
    terms = ModelTerms(window=9_000, price_in=1_000, price_out=1_000)
    lines = (
        StoredMessage(stage=1, role=Role.USER, text="a", file="file"),
        StoredMessage(stage=1, role=Role.ASSISTANT, text="b", tokens_in=500, tokens_out=100, cost=0.6),
        StoredMessage(stage=2, role=Role.USER, text="c"),
    )
    conversation = Conversation(job_code="job", stages=2, template_id="t", template_version=1, lines=lines)

    CostLimit(terms=terms, max_cost=1.212, answer=10, attached=5_000).require(conversation, 2)
    with pytest.raises(TooExpensive, match=r"0\.611 after 0\.6"):
        CostLimit(terms=terms, max_cost=1.21, answer=10, attached=5_000).require(conversation, 2)
    with pytest.raises(TooExpensive, match=r"5\.011"):
        CostLimit(terms=terms, max_cost=5, answer=10, attached=5_000).require(conversation, 1)


@pytest.mark.parametrize("prices", [PRICES, {}])
async def test_what_would_cost_too_much_is_refused_before_anything_is_asked(
    temporal: TemporalServer, model: RunningSandbox, tmp_path: Path, prices: dict[str, Any]
) -> None:
    await model.reset()
    async with opened_study(temporal, model, tmp_path, **prices) as study:
        await bounded(study, 1.0)
        job = await study.start(template="bounded")
        error = await error_of(study, job)

        assert error["code"] == "too_expensive"
        assert ("would cost about" in error["message"]) is bool(prices)
        assert await study.calls(job.id) == []


async def test_a_job_stops_before_the_question_that_would_cost_too_much(
    temporal: TemporalServer, model: RunningSandbox, tmp_path: Path
) -> None:
    """The estimate fits; then each answer is much longer than is taken for granted."""
    await model.reset()
    text = CONTRACT + "".join(f"Clause {number}: {'whereas ' * 60}\n" for number in range(30))
    async with opened_study(temporal, model, tmp_path, **PRICES) as study:
        await bounded(study, 1.0)
        template = await study.bench.database.read(template_of, "bounded")
        costs = study.bench.adapters.costs
        assert costs is not None
        estimate = await costs.estimate(template, DocumentSize(tokens=estimated_tokens(text)), media_type="text/plain")
        assert estimate.cost is not None
        await bounded(study, 1.01 * estimate.cost)
        job = await study.start(text.encode(), template="bounded")
        error = await error_of(study, job)
        row = await study.row(job.id)

        assert error["code"] == "too_expensive"
        assert "The next question would cost about" in error["message"]
        assert 0 < len(await study.calls(job.id)) < 3
        assert "HT-7" in (row.resp_json or {})["last_answer"]
        assert await study.bench.records.outputs.of_job(job.id) == []


async def test_a_job_within_its_bound_is_done(temporal: TemporalServer, model: RunningSandbox, tmp_path: Path) -> None:
    await model.reset()
    async with opened_study(temporal, model, tmp_path, **PRICES) as study:
        await bounded(study, 20.0)
        job = await study.start(template="bounded")
        await job.result()

        assert await study.calls(job.id) == ["1", "2", "3"]
