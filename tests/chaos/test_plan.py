"""The same seed plans the same run, and everything that it plans is understood."""

from collections import Counter

import pytest

from aijobs.domain.catalogue import Catalogue
from aijobs.settings import SHIPPED_CATALOGUE
from chaos.faults import provider_faults
from chaos.plan import HASTY, POINTS_OF_A_JOB, StormPlan, batches_of, orders_of
from chaos.stack.photo_server import photo
from chaos.stack.stack import catalogue_of
from sandbox.faults.catalogue import CATALOGUE, Fault, Operation
from sandbox.faults.fault_board import arm_for_all, faults_in

#: What only TTAPI or the language model does: the storm's jobs are Replicate's.
OF_OTHERS = {Fault.REFUSED_WITH_200, Fault.QUEUE_EXHAUSTED, Fault.SNAKE_CASE_ID} | {
    fault for fault, sheet in CATALOGUE.items() if sheet.acts_on == {Operation.CHAT}
}


def test_the_same_seed_gives_the_same_orders() -> None:
    assert orders_of(StormPlan(seed=3)) == orders_of(StormPlan(seed=3))
    assert orders_of(StormPlan(seed=3)) != orders_of(StormPlan(seed=4))


def test_a_patient_run_gives_the_hasty_model_more_time() -> None:
    usual, patient = StormPlan(seed=3).deadlines, StormPlan(seed=3, patience=2).deadlines

    assert patient == {**usual, HASTY: usual[HASTY].times(2)}
    assert patient[HASTY].business == 2 * usual[HASTY].business


@pytest.mark.parametrize("rider", provider_faults.job_faults(gentle=False))
def test_every_riding_fault_is_understood(rider: str) -> None:
    assert faults_in(rider, during=Operation.CREATE)


def test_every_standing_fault_is_understood() -> None:
    for order in (*provider_faults.STANDING_FAULTS, provider_faults.OUTAGE):
        assert arm_for_all(**order)


def test_every_fault_of_the_storms_provider_has_its_place() -> None:
    standing = (*provider_faults.STANDING_FAULTS, provider_faults.OUTAGE)
    named = " ".join((*provider_faults.job_faults(gentle=False), *(order["fault"] for order in standing)))

    assert [fault for fault in Fault if fault not in named and fault not in OF_OTHERS] == []


@pytest.mark.parametrize("gentle", [True, False])
def test_the_catalogue_of_a_run_is_one(*, gentle: bool) -> None:
    plan = StormPlan(seed=1, gentle=gentle)

    catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text(), catalogue_of(plan))

    assert {order.model for order in orders_of(plan)} <= {model.model_id for model in catalogue}


def test_no_two_photos_are_alike() -> None:
    numbers = [*range(200), 2**16, 2**16 + 1, 2**17]

    assert len({photo(number) for number in numbers}) == len(numbers)


def test_batches_can_be_paid_but_the_last_one() -> None:
    plan = StormPlan(seed=3)
    *affordable, too_dear = batches_of(plan)

    assert batches_of(plan) == [*affordable, too_dear]
    assert [len(order.users) for order in affordable] == [plan.batch_rows] * plan.batches
    assert all(POINTS_OF_A_JOB * max(Counter(order.users).values()) <= plan.daily_limit for order in affordable)
    assert POINTS_OF_A_JOB * len(too_dear.users) > plan.daily_limit
    photos = [order.photo(row) for order in (*affordable, too_dear) for row in range(len(order.users))]
    assert len({photo(number) for number in photos}) == len(photos)
