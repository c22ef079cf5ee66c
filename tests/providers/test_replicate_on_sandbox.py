"""Features of Replicate only, on the simulated vendor: deadlines, cancels, outputs of any shape, signed webhooks."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aijobs.domain.errors import NotAuthenticated, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.submissions import Accepted, CancelOutcome
from aijobs.domain.lifecycle import JobStatus
from sandbox.persistence.ledger import Charge
from tests.providers.scene import Scene
from tests.providers.test_contract_endings import delivery_to

At = Callable[..., Awaitable[Any]]


async def test_work_that_never_began_before_its_deadline_is_a_timeout(replicate_scene: Scene) -> None:
    replicate_scene.sandbox.misbehave("aborted", on="create")

    _, last = await replicate_scene.finished()

    assert last.status is JobStatus.TIMEOUT
    assert last.error is not None
    assert last.error.code == "provider_timeout"


async def test_an_interrupted_prediction_has_made_nothing_and_costs_nothing(replicate_scene: Scene) -> None:
    replicate_scene.sandbox.misbehave("interrupted", on="create")

    ref, last = await replicate_scene.finished()

    assert (last.status, last.nothing_made) == (JobStatus.FAILED, True)
    assert [row.charge for row in replicate_scene.sandbox.ledger() if row.id == ref["id"]] == [Charge.FREE]


async def test_a_result_says_until_when_it_can_be_fetched(replicate_scene: Scene) -> None:
    (source,) = await replicate_scene.provider.outputs(*await replicate_scene.finished())

    assert source.expires_at is not None


async def test_during_an_outage_a_cancel_is_worth_another_try(replicate_scene: Scene) -> None:
    ref = await replicate_scene.started()
    replicate_scene.sandbox.misbehave("outage")

    with pytest.raises(ProviderUnavailable):
        await replicate_scene.provider.cancel(ref)


async def test_a_deadline_at_the_provider_is_a_timeout(replicate_scene: Scene) -> None:
    replicate_scene.sandbox.misbehave("never_finishes")
    submission = replicate_scene.submission()
    submission.request.headers["Cancel-After"] = "1s"

    outcome = await replicate_scene.submit(submission)

    assert isinstance(outcome, Accepted)
    assert (await replicate_scene.watched(outcome.ref))[-1].status is JobStatus.TIMEOUT


async def test_results_before_the_end_are_not_the_end(replicate_scene: Scene) -> None:
    replicate_scene.sandbox.misbehave("processing_with_output", arg="0.2")

    snapshots = await replicate_scene.watched(await replicate_scene.started())

    assert any(snapshot.raw.get("output") and not snapshot.final for snapshot in snapshots)
    assert snapshots[-1].status is JobStatus.GENERATED


@pytest.mark.parametrize(
    ("shape", "kinds"),
    [
        ("string", [OutputKind.IMAGE]),
        ("list", [OutputKind.IMAGE]),
        ("object", [OutputKind.IMAGE]),
        ("text", [OutputKind.TEXT]),
        ("empty_list", []),
    ],
)
async def test_results_come_in_many_shapes(replicate_scene: Scene, shape: str, kinds: list[OutputKind]) -> None:
    replicate_scene.sandbox.misbehave("output_as", arg=shape)

    ref, last = await replicate_scene.finished()

    assert [source.kind for source in await replicate_scene.provider.outputs(ref, last)] == kinds


@pytest.mark.parametrize("fault", ["zero_outputs", "output_erased"])
async def test_results_that_are_gone_are_a_failure(replicate_scene: Scene, fault: str) -> None:
    replicate_scene.sandbox.misbehave(fault)
    ref, last = await replicate_scene.finished()

    with pytest.raises(ProviderFailed):
        await replicate_scene.provider.outputs(ref, last)


async def test_a_cancel_stops_what_waits_and_may_be_repeated(replicate_scene: Scene) -> None:
    replicate_scene.sandbox.misbehave("never_starts")
    ref = await replicate_scene.started()

    first, second = await replicate_scene.provider.cancel(ref), await replicate_scene.provider.cancel(ref)

    assert (first, second) == (CancelOutcome.CANCELED, CancelOutcome.CANCELED)
    assert (await replicate_scene.provider.query(ref)).status is JobStatus.CANCELED


async def test_a_cancel_may_come_too_late(replicate_scene: Scene) -> None:
    ref, _ = await replicate_scene.finished()

    assert await replicate_scene.provider.cancel(ref) is CancelOutcome.TOO_LATE


async def test_a_cancel_that_stops_nothing_yet_is_requested(replicate_scene: Scene) -> None:
    replicate_scene.sandbox.misbehave("cancel_ignored")
    replicate_scene.sandbox.misbehave("never_finishes")

    assert await replicate_scene.provider.cancel(await replicate_scene.started()) is CancelOutcome.REQUESTED


async def test_a_cancel_that_is_refused_is_worth_another_try(replicate_scene: Scene) -> None:
    replicate_scene.sandbox.misbehave("never_finishes")
    replicate_scene.sandbox.misbehave("cancel_refused")
    ref = await replicate_scene.started()

    with pytest.raises(ProviderUnavailable):
        await replicate_scene.provider.cancel(ref)

    assert await replicate_scene.provider.cancel(ref) is CancelOutcome.CANCELED


@pytest.mark.parametrize("fault", ["webhook_forged", "webhook_old"])
async def test_a_forged_or_old_webhook_is_not_heard(
    replicate_scene: Scene, vendor_that: At, server: Any, fault: str
) -> None:
    replicate_scene.sandbox.misbehave(fault)
    _, delivery = await delivery_to(replicate_scene, vendor_that, server)

    with pytest.raises(NotAuthenticated):
        replicate_scene.provider.parse_webhook(delivery)
