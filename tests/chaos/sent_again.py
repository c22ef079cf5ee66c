"""Runs in which a job was sent more than once."""

from aijobs.domain.lifecycle import JobStatus
from sandbox.persistence.ledger import Charge
from tests.chaos.evidence_maker import EvidenceMaker


def sent_twice(world: EvidenceMaker) -> None:
    world.enter(world.ledger()[0].model_copy(update={"id": "prediction-again"}))


def sent_again_under_a_new_token(world: EvidenceMaker) -> None:
    copy = "number + 1, provider, 'token-2', request, request_sha256, intent_at, 'unknown'"
    world.sql(
        "INSERT INTO submission (job_code, number, provider, token, request, request_sha256, intent_at, outcome) "
        f"SELECT job_code, {copy} FROM submission WHERE job_code = :success"
    )
    paid = next(row for row in world.ledger() if row.correlation == f"token-{world.codes[JobStatus.SUCCESS]}")
    world.enter(paid.model_copy(update={"id": "prediction-again", "correlation": "token-2"}))


def voided(world: EvidenceMaker, *, charge: Charge) -> None:
    """The submission of a SUCCESS came to nothing, it says, and another was accepted."""
    sent_again_under_a_new_token(world)
    world.sql("UPDATE submission SET outcome = 'voided' WHERE job_code = :success AND number = 1")
    world.sql(
        "UPDATE submission SET outcome = 'accepted', ref_id = 'prediction-again' "
        "WHERE job_code = :success AND number = 2"
    )
    paid = next(row for row in world.ledger() if row.correlation == f"token-{world.codes[JobStatus.SUCCESS]}")
    world.enter(paid.model_copy(update={"charge": charge}))


def voided_and_charged(world: EvidenceMaker) -> None:
    voided(world, charge=Charge.CHARGED)


def voided_twice(world: EvidenceMaker) -> None:
    voided(world, charge=Charge.FREE)
    world.sql("UPDATE submission SET outcome = 'voided' WHERE job_code = :success")
