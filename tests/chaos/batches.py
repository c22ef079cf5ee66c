"""Runs in which a batch is not what was sent, or not what its jobs are."""

from collections.abc import Callable
from typing import Final

from aijobs.persistence.tables import BatchRow
from chaos.observations import BatchObservation
from tests.chaos.evidence_maker import BATCH_ORDER, EvidenceMaker

Break = Callable[[EvidenceMaker], None]


def sql(statement: str) -> Break:
    return lambda world: world.sql(statement)


def observed(change: Callable[[BatchObservation], None]) -> Break:
    def broken(world: EvidenceMaker) -> None:
        with world.observed() as observations:
            change(observations.batches[BATCH_ORDER])

    return broken


def _refused(batch: BatchObservation) -> None:
    batch.codes, batch.refusal = [], 402


def _answered_with_another(batch: BatchObservation) -> None:
    batch.codes = ["batch_another"]


def _unanswered(batch: BatchObservation) -> None:
    batch.codes = []


def _sent_more(batch: BatchObservation) -> None:
    batch.users.append(batch.users[0])
    batch.images.append("http://photos/3.jpg")


def _not_sent(world: EvidenceMaker) -> None:
    with world.observed() as observations:
        observations.batches.clear()


def _copied(world: EvidenceMaker) -> None:
    columns = [column.name for column in BatchRow.__table__.columns]  # type: ignore[attr-defined]
    others = ", ".join(f'"{name}"' for name in columns if name not in {"id", "code"})
    world.sql(f"INSERT INTO batch (code, {others}) SELECT 'batch_again', {others} FROM batch")


#: As SABOTAGES in test_checker.
BATCH_SABOTAGES: Final[list[tuple[str, str, Break]]] = [
    ("a batch is not answered", "answered", observed(_unanswered)),
    ("a refused batch is left", "batches", observed(_refused)),
    ("a batch is answered with another's code", "batches", observed(_answered_with_another)),
    ("a batch lacks a row that was sent", "batches", observed(_sent_more)),
    ("a batch was not sent", "batches", _not_sent),
    ("a repetition makes a second batch", "batches", _copied),
    ("a batch is lost, and its jobs are there", "batches", sql("DELETE FROM batch")),
    ("a batch never ends", "batches", sql("UPDATE batch SET batch_status = 'RUNNING', ended_at = NULL")),
    ("a batch that was never accepted has jobs", "batches", sql("UPDATE batch SET batch_status = 'LOADING'")),
    ("a row is lost", "batches", sql("DELETE FROM batch_item WHERE number = 1")),
    ("a row has no job", "batches", sql("UPDATE batch_item SET job_code = NULL WHERE number = 0")),
    (
        "a row has a job that does not exist",
        "batches",
        sql("UPDATE batch_item SET job_code = 'job_x' WHERE number = 0"),
    ),
    (
        "two rows are one job",
        "batches",
        sql("UPDATE batch_item SET job_code = (SELECT job_code FROM batch_item WHERE number = 0)"),
    ),
    (
        "a row becomes a second job",
        "batches",
        sql("UPDATE job SET batch_code = (SELECT code FROM batch) WHERE code = :success"),
    ),
    ("a row's job is another batch's", "batches", sql("UPDATE job SET batch_code = NULL WHERE code <> :success")),
    (
        "a job is made of another row",
        "batches",
        sql("UPDATE job SET params = json_replace(params, '$.image', 'http://other') WHERE batch_code IS NOT NULL"),
    ),
    (
        "another row's photo is sent",
        "batches",
        sql(
            "UPDATE submission SET request = json_replace(request, '$.body.input.image', 'http://other') "
            "WHERE job_code IN (SELECT job_code FROM batch_item)"
        ),
    ),
    ("a row says another end", "batches", sql("UPDATE batch_item SET job_status = 6 WHERE number = 0")),
    ("a batch counts a row too many", "batches", sql("UPDATE batch SET total = 3")),
    ("a row keeps points that were given back", "batches", sql("UPDATE batch_item SET charged = 2 WHERE number = 0")),
    ("a batch charges more than its jobs", "batches", sql("UPDATE batch SET charged_before = 2")),
    (
        "a batch keeps points reserved",
        "batches",
        sql("INSERT INTO batch_points (batch_id, user_id, day, points) SELECT id, 'grace', '2026-01-01', 2 FROM batch"),
    ),
]
