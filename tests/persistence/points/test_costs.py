"""What a job costs at its vendor, in money, and what was kept of its points."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from sqlmodel import Session

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.outputs import OutputKind, StoredOutput
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.llm import Completion, ConversationPlan, FinishReason, Prompt
from aijobs.domain.provider_io import Charge
from aijobs.domain.values.media import MediaFacts
from aijobs.domain.values.money import Cost, CostSource, VendorPrice
from aijobs.persistence.column_types import now
from aijobs.persistence.database import Database
from aijobs.persistence.documents.conversations import DatabaseConversations
from aijobs.persistence.jobs.event_log import events_after
from aijobs.persistence.jobs.gate import locked_job
from aijobs.persistence.jobs.reruns import rerun_from_migration
from aijobs.persistence.jobs.resolutions import Resolution, resolve
from aijobs.persistence.points.costs import charged, cost_of, costs_by_model
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.settings import SHIPPED_CATALOGUE
from tests.persistence.conftest import AcceptJob

BILL = Cost(amount=Decimal("0.1"), currency="USD", source=CostSource.BILL)
REQUEST = ProviderRequest("POST", "https://example.com/v1", {}, {})
MODEL = "replicate_imageupscale_v1"


def priced(database: Database, amount: str, unit: str) -> DatabaseRecords:
    price = f'[models.{MODEL}]\nvendor_price = {{ amount = "{amount}", currency = "USD", unit = "{unit}" }}'
    return DatabaseRecords(database, Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), price))


def output(code: str, index: int, *, duration: float | None = None) -> StoredOutput:
    return StoredOutput(
        index=index,
        kind=OutputKind.IMAGE,
        media_type="image/png",
        size=1,
        sha256="00",
        key=f"outputs/{code}/{index}.png",
        original_url=None,
        width=1500,
        height=1000,
        media=None if duration is None else MediaFacts(container="mp4", duration=duration),
    )


async def stored_cost(database: Database, code: str) -> str | None:
    def work(session: Session) -> str | None:
        cost = cost_of(locked_job(session, code))
        return None if cost is None else f"{cost} {cost.source}"

    return await database.write(work)


async def last_detail(database: Database, code: str) -> Mapping[str, Any]:
    return (await database.read(events_after, code, 0))[-1].detail


async def made(records: DatabaseRecords, code: str, *outputs: StoredOutput) -> None:
    for status in (JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING):
        await records.gate.advance(code, status)
    await records.outputs.add(code, *outputs, complete_at=len(outputs))


@pytest.mark.parametrize(
    ("amount", "unit", "expected"),
    [
        ("0.04", "job", "0.04 USD price"),
        ("0.003", "output", "0.006 USD price"),
        ("0.05", "second", "0.375 USD price"),
        ("0.03", "megapixel", "0.09 USD price"),
        ("0.03", "billed", None),
    ],
)
async def test_a_price_is_of_what_was_made(
    database: Database, accept_job: AcceptJob, amount: str, unit: str, expected: str | None
) -> None:
    records, code = priced(database, amount, unit), await accept_job()

    await made(records, code, output(code, 0, duration=2.5), output(code, 1, duration=5.0))

    assert await stored_cost(database, code) == expected
    detail = await last_detail(database, code)
    assert (detail["points"], detail["charged"]) == (2, 2)
    assert (detail["cost"] or {}).get("amount") == (expected and expected.split()[0])


async def test_what_is_not_known_of_each_output_is_not_guessed(database: Database, accept_job: AcceptJob) -> None:
    records, code = priced(database, "0.05", "second"), await accept_job()

    await made(records, code, output(code, 0, duration=2.5), output(code, 1))

    assert await stored_cost(database, code) is None


async def test_a_bill_counts_before_a_price_and_outlives_a_bad_end(database: Database, accept_job: AcceptJob) -> None:
    records, billed, broken = priced(database, "9", "output"), await accept_job(), await accept_job()

    await records.gate.advance(billed, JobStatus.GENERATED, cost=BILL)
    await records.gate.advance(billed, JobStatus.MIGRATING)
    await records.outputs.add(billed, output(billed, 0), complete_at=1)
    await records.gate.keep_response(broken, {}, cost=BILL)
    await records.gate.advance(broken, JobStatus.FAILED)

    assert await stored_cost(database, billed) == await stored_cost(database, broken) == "0.1 USD bill"
    assert await last_detail(database, broken) == {"points": 2, "charged": 0, "cost": BILL.model_dump(mode="json")}


async def test_outputs_that_are_fetched_again_cost_nothing_more(
    database: Database, accept_job: AcceptJob, records: DatabaseRecords
) -> None:
    code = await accept_job()
    sent = await records.submissions.intend(code, provider="replicate", token="token", request=REQUEST)
    await records.submissions.conclude(sent, Accepted({"id": "p1"}))
    await records.gate.advance(code, JobStatus.GENERATED)
    await records.gate.advance(code, JobStatus.FAILED)

    def again(session: Session) -> str:
        old = locked_job(session, code)
        return rerun_from_migration(session, old, link_lifetime=timedelta(days=1), by="me").code

    rerun = await database.write(again)
    dear = priced(database, "9", "output")
    await dear.gate.advance(rerun, JobStatus.MIGRATING)
    await dear.outputs.add(rerun, output(rerun, 0), complete_at=1)

    assert await stored_cost(database, rerun) is None
    assert await database.read(charged, [code, rerun]) == {code: 0, rerun: 0}


async def test_held_points_are_charged_when_somebody_decides(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    late, decided = await accept_job(), await accept_job()
    for code in (late, decided):
        await records.gate.advance(code, JobStatus.TIMEOUT, provider_may_charge=True)
    assert (await last_detail(database, late))["charged"] is None
    assert await database.read(charged, [late]) == {late: None}

    def decide(session: Session) -> None:
        resolve(session, locked_job(session, decided), Resolution.CHARGE, by="me", why="it was made")

    await records.late_outcomes.record(late, JobStatus.FAILED, {}, cost=BILL)
    await database.write(decide)

    assert await database.read(charged, [late, decided]) == {late: 0, decided: 2}
    assert await stored_cost(database, late) == "0.1 USD bill"
    assert (await last_detail(database, decided))["charged"] == 2


async def test_a_documents_answers_add_up_exactly(database: Database, accept_job: AcceptJob) -> None:
    code, conversations = await accept_job(), DatabaseConversations(database, currency="EUR")
    prompts = tuple(Prompt(text=f"question {number}") for number in range(3))
    await conversations.begin(
        code, ConversationPlan(instruction="", prompts=prompts, template_id="one", template_version=1)
    )
    answer = Completion(
        text="yes", finish=FinishReason.STOP, model="m", tokens_in=10, tokens_out=5, cost=0.1, seconds=1.5
    )

    for stage in (1, 2, 2, 3):
        await conversations.answered(code, stage, answer)

    assert await stored_cost(database, code) == "0.3 EUR price"


async def test_costs_are_summed_by_model_and_currency(
    database: Database, records: DatabaseRecords, accept_job: AcceptJob
) -> None:
    costs = [BILL, BILL, BILL.model_copy(update={"amount": Decimal(7), "currency": "CNY"})]
    for cost in costs:
        await records.gate.advance(await accept_job(), JobStatus.GENERATED, cost=cost)
    await accept_job()
    await records.gate.advance(await accept_job("bell"), JobStatus.GENERATED, cost=BILL)

    yesterday = now() - timedelta(days=1)
    found = await database.snapshot(costs_by_model, since=yesterday, user_id="ada")

    sums = [(one.jobs, str(one.amount.normalize()), one.currency) for one in found]
    assert sums == [(1, "7", "CNY"), (2, "0.2", "USD")]
    assert sum(one.jobs for one in await database.snapshot(costs_by_model, since=yesterday, user_id=None)) == 4


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-1", "1e30"])
def test_a_vendor_that_bills_nonsense_bills_nothing(amount: str) -> None:
    assert Charge(amount=Decimal(amount), unit="USD").cost(None) is None


def test_a_bill_in_credits_costs_what_a_credit_costs() -> None:
    credit = VendorPrice.model_validate({"amount": "0.01", "currency": "USD", "unit": "billed"})
    charge = Charge(amount=Decimal("2.5"), unit="credits")

    assert charge.cost(None) is None
    assert str(charge.cost(credit)) == "0.025 USD"


@pytest.mark.parametrize("wrong", [{"amount": "-1"}, {"currency": "dollars"}, {"unit": "token"}, {"amount": "much"}])
def test_a_wrong_price_in_the_catalogue_is_named(wrong: dict[str, str]) -> None:
    price = {"amount": "1", "currency": "USD", "unit": "output", **wrong}
    with pytest.raises(ValidationError) as refused:
        VendorPrice.model_validate(price)

    assert refused.value.errors()[0]["loc"] == tuple(wrong)
