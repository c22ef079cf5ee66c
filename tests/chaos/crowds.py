"""Runs in which more were at the provider than the limits allow."""

from chaos.evidence import SANDBOX
from chaos.plan import IN_FLIGHT, USER_IN_FLIGHT
from sandbox.persistence import archive
from sandbox.vendors.replicate.prediction import Prediction
from sandbox.vendors.replicate.store import KIND as PREDICTIONS
from tests.chaos.evidence_maker import EvidenceMaker


def crowded(world: EvidenceMaker) -> None:
    """Nobody's, and one too many."""
    _at_work(world, IN_FLIGHT + 1)


def crowded_by_one(world: EvidenceMaker) -> None:
    """Its only user's, of one submission."""
    for number in range(USER_IN_FLIGHT + 1):
        world.enter(world.ledger()[0].model_copy(update={"id": f"extra-{number}"}))
    _at_work(world, USER_IN_FLIGHT + 1)


def _at_work(world: EvidenceMaker, count: int) -> None:
    with archive.opened(world.folder / SANDBOX) as (documents, _):
        for number in range(count):
            one = Prediction(id=f"extra-{number}", model="upscale", version="1", input={}, created_ns=number)
            documents.put(PREDICTIONS, one.id, one.model_dump_json())
