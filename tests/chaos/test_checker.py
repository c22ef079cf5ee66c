"""A checker that cannot fail proves nothing: each promise is broken on purpose, and each breach is named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aijobs.domain.lifecycle import JobStatus
from chaos.checks.invariants import INVARIANTS
from sandbox.persistence.ledger import Charge
from tests.chaos.batches import BATCH_SABOTAGES
from tests.chaos.crowds import crowded, crowded_by_one
from tests.chaos.evidence_maker import EvidenceMaker, healthy_world
from tests.chaos.sent_again import sent_again_under_a_new_token, sent_twice, voided, voided_and_charged, voided_twice

Sabotage = Callable[[EvidenceMaker], None]


def in_sql(statement: str) -> Sabotage:
    return lambda world: world.sql(statement)


def _unanswered(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        observations.accounts["order-0"].codes.clear()


def _answered_twice(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        observations.accounts["order-0"].codes[1] = "job_another"


def _refused(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        refused = {"codes": [], "refusal": 422}
        observations.accounts["order-4"] = observations.accounts["order-0"].model_copy(update=refused)


def _two_workflows(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        again = {"run_id": "again", "first_run_id": "again"}
        observations.workflows.append(observations.workflows[1].model_copy(update=again))


def _no_workflow(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        del observations.workflows[:2]


def _running_workflow(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        observations.workflows[1].status = "RUNNING"


def _terminated_workflow(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        observations.workflows[1].status = "TERMINATED"


def _other_result(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        state = observations.workflows[1].state
        assert state is not None
        observations.workflows[1].state = state.model_copy(update={"job_status": JobStatus.MIGRATING})


def _sent_without_intent(world: EvidenceMaker) -> None:
    world.enter(world.ledger()[0].model_copy(update={"id": "prediction-again", "correlation": "token-unheard-of"}))


def _late_charge(world: EvidenceMaker) -> None:
    world.sql(
        "INSERT INTO points_entry (job_code, user_id, day, kind, points, create_time) "
        "SELECT job_code, user_id, day, 'settle', points, create_time FROM points_entry "
        "WHERE job_code = :timeout AND kind = 'hold'"
    )
    world.sql("UPDATE points_day SET held = 0")


def _success_before_upload(world: EvidenceMaker) -> None:
    world.output().unlink()
    world.poll_now()


def _altered_object(world: EvidenceMaker) -> None:
    world.output().write_bytes(b"something else")
    world.poll_now()


def _leftover(world: EvidenceMaker) -> None:
    (world.output().parent / "1.jpg").write_bytes(b"left over")
    world.poll_now()


def _open_upload(world: EvidenceMaker) -> None:
    (world.store / ".drafts").mkdir()
    (world.store / ".drafts" / "half").write_bytes(b"half of it")
    world.poll_now()


def _received_less(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        del observations.readings[0].events[2]


def _received_twice(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        received = observations.readings[0].events
        received.insert(2, received[1])


def _received_no_end(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        del observations.readings[0].events[-1]


def _still_listening(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        observations.readings[0].is_over = False


#: What is broken; by which promise the checker has to name it; the sabotage.
SABOTAGES: list[tuple[str, str, Sabotage]] = [
    ("an order is not answered", "answered", _unanswered),
    ("an order is answered with two jobs", "answered", _answered_twice),
    ("an order is refused without a reason", "answered", _refused),
    ("an accepted job is lost", "kept", in_sql("DELETE FROM job WHERE code = :failed")),
    (
        "an idempotency key is lost",
        "kept",
        in_sql("DELETE FROM idempotency_key WHERE json_extract(answer, '$.body.code') = :failed"),
    ),
    (
        "a repetition makes a second job",
        "kept",
        in_sql("UPDATE idempotency_key SET answer = json_replace(answer, '$.body.code', :success)"),
    ),
    ("a job never ends", "final", in_sql("UPDATE job SET job_status = 3 WHERE code = :failed")),
    ("a job has two workflows", "one workflow", _two_workflows),
    ("a job has no workflow", "one workflow", _no_workflow),
    ("a workflow still runs", "one workflow", _running_workflow),
    ("a submission is sent twice", "paid once", sent_twice),
    ("a request is sent without an intent", "paid once", _sent_without_intent),
    ("more are at the provider than may be", "in flight", crowded),
    ("more of a user are at the provider than may be", "in flight", crowded_by_one),
    ("an unknown submission is sent again", "paid once", sent_again_under_a_new_token),
    ("a submission that is charged counts as voided", "paid once", voided_and_charged),
    ("a job is sent once more twice", "paid once", voided_twice),
    (
        "what was paid counts as rejected",
        "paid once",
        in_sql("UPDATE submission SET outcome = 'rejected' WHERE job_code = :timeout"),
    ),
    (
        "a job has another's reference",
        "paid once",
        in_sql("UPDATE submission SET ref_id = 'prediction-other' WHERE job_code = :failed"),
    ),
    (
        "points are refunded twice",
        "balance",
        in_sql("UPDATE points_day SET used = used - 2"),
    ),
    (
        "a reservation is closed twice",
        "balance",
        in_sql(
            "INSERT INTO points_entry (job_code, user_id, day, kind, points, create_time) "
            "SELECT job_code, user_id, day, 'refund', points, create_time FROM points_entry "
            "WHERE job_code = :success AND kind = 'settle'"
        ),
    ),
    (
        "a reservation is not closed",
        "balance",
        in_sql("DELETE FROM points_entry WHERE job_code = :failed AND kind = 'refund'"),
    ),
    (
        "a user is above the limit",
        "balance",
        in_sql("UPDATE points_day SET daily_limit = 1"),
    ),
    (
        "a user is held to no limit",
        "balance",
        in_sql("UPDATE points_day SET daily_limit = NULL"),
    ),
    (
        "a failed job is charged",
        "just",
        in_sql("UPDATE points_entry SET kind = 'settle' WHERE job_code = :failed AND kind = 'refund'"),
    ),
    (
        "a job counts as not handed over, and was",
        "just",
        in_sql("UPDATE job SET error = json_replace(error, '$.stage', 'submit') WHERE code = :failed"),
    ),
    ("a lost job is charged, and was not made", "just", _late_charge),
    ("SUCCESS comes before the upload", "outputs", _success_before_upload),
    ("an object is altered", "outputs", _altered_object),
    (
        "an output is not what the provider made",
        "outputs",
        in_sql("UPDATE output SET sha256 = 'something else'"),
    ),
    ("SUCCESS comes without outputs", "outputs", in_sql("UPDATE output SET del = 1")),
    (
        "a canceled job keeps an output",
        "outputs",
        in_sql("UPDATE output SET job_code = :canceled"),
    ),
    ("an object is left over", "tidy", _leftover),
    ("an upload is left open", "tidy", _open_upload),
    ("an event is dropped", "history", in_sql("DELETE FROM job_event WHERE job_code = :success AND seq = 3")),
    (
        "an event is dropped, and the rest numbered anew",
        "history",
        in_sql("UPDATE job SET event_seq = event_seq - 1 WHERE code = :failed"),
    ),
    (
        "a status is skipped that must not be",
        "history",
        in_sql("UPDATE job_event SET job_status = 4 WHERE job_code = :success AND job_status = 5"),
    ),
    (
        "a final status is left again",
        "history",
        in_sql("UPDATE job_event SET kind = 'status', job_status = 8 WHERE job_code = :failed AND kind = 'note'"),
    ),
    (
        "a finished job makes progress",
        "history",
        in_sql("UPDATE job_event SET kind = 'progress' WHERE job_code = :failed AND kind = 'note'"),
    ),
    (
        "sent after its end",
        "wanted",
        in_sql("UPDATE submission SET intent_at = datetime('now', '+1 day') WHERE job_code = :success"),
    ),
    (
        "sent after its cancel request",
        "wanted",
        in_sql(
            "UPDATE job_event SET kind = 'note', detail = '{\"cancel\": 1}', at = datetime('now', '-1 day') "
            "WHERE job_code = :success AND seq = 2"
        ),
    ),
    ("a reader misses an event", "streams", _received_less),
    ("a reader gets an event twice", "streams", _received_twice),
    ("a reader is not told the end", "streams", _received_no_end),
    ("a reader waits for ever", "streams", _still_listening),
    (
        "a reader is told what was not",
        "streams",
        in_sql("UPDATE job_event SET detail = '{\"other\": 1}' WHERE job_code = :success AND seq = 2"),
    ),
    ("row and event differ", "agreement", in_sql("UPDATE job SET job_status = 7 WHERE code = :timeout")),
    ("row and workflow differ", "agreement", _other_result),
    ("a workflow is ended without a word", "agreement", _terminated_workflow),
    (
        "the row's error is another",
        "agreement",
        in_sql('UPDATE job SET error = \'{"code": "other"}\' WHERE code = :failed'),
    ),
    *BATCH_SABOTAGES,
]


@pytest.fixture(scope="module")
async def original(tmp_path_factory: pytest.TempPathFactory) -> EvidenceMaker:
    return await healthy_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(original: EvidenceMaker, tmp_path: Path) -> EvidenceMaker:
    """A copy, to be broken."""
    return original.copied_to(tmp_path / "world")


async def test_a_world_in_which_all_is_well_has_no_breach(world: EvidenceMaker) -> None:
    assert await world.breaches() == []


async def test_a_job_that_was_sent_once_more_was_paid_once(world: EvidenceMaker) -> None:
    voided(world, charge=Charge.FREE)

    assert "paid once" not in {breach.invariant for breach in await world.breaches()}


@pytest.mark.parametrize(("promise", "sabotage"), [pytest.param(*rest, id=name) for name, *rest in SABOTAGES])
async def test_each_breach_is_named(world: EvidenceMaker, promise: str, sabotage: Sabotage) -> None:
    sabotage(world)

    breaches = await world.breaches()

    assert promise in {breach.invariant for breach in breaches}


def test_every_promise_is_broken_once() -> None:
    assert {promise for _, promise, _ in SABOTAGES} == set(INVARIANTS)
