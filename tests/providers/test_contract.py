"""The contract of providers, tested on their simulated vendors: submitting, and never paying twice."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from aijobs.domain.errors import ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.jobs.submissions import Accepted, Found, Rejected, Search, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import InputFile
from aijobs.providers.registry import PROVIDERS
from tests.providers.open_provider import aged
from tests.providers.parts import KEY, PARTS, PHOTO
from tests.providers.scene import Scene

At = Callable[..., Awaitable[Any]]
NOBODY = frozenset[str]()
HOOKS = "http://127.0.0.1:9/hooks"
SETTLED = timedelta(minutes=10)

#: The vendor takes the job, and the answer is lost in each of these ways.
TAKEN_IN_SILENCE = [
    ("accept_then_drop", None),
    ("accept_then_error", "502"),
    ("hang", "4"),
    ("unreadable_json", None),
    ("no_id", None),
]


def test_no_provider_goes_unproven() -> None:
    assert PARTS.keys() == PROVIDERS.keys()


def test_its_parameters_are_described(scene: Scene) -> None:
    parameters = scene.provider.parameters(scene.model)

    assert issubclass(parameters, Parameters)
    assert parameters.model_json_schema()["properties"]


def test_building_a_request_is_pure_and_keeps_the_key_out(scene: Scene) -> None:
    submission = scene.submission(webhook_url=HOOKS)

    capabilities = scene.provider.capabilities
    echoes = capabilities.webhook or capabilities.reconcile_window is not None

    assert KEY not in repr(submission.request)
    assert (submission.token in repr(submission.request)) == echoes


async def test_a_job_is_submitted_once_and_ends_with_results(scene: Scene) -> None:
    before = scene.paid()

    ref, last = await scene.finished()

    assert last.status is JobStatus.GENERATED
    assert await scene.provider.outputs(ref, last)
    assert scene.paid() == before + 1


@pytest.mark.parametrize("webhook_url", [HOOKS, None], ids=["token in the webhook", "only its input"])
@pytest.mark.parametrize(("fault", "arg"), TAKEN_IN_SILENCE)
async def test_a_lost_answer_is_unknown_and_its_job_is_found_again(
    scene: Scene, fault: str, arg: str | None, webhook_url: str | None
) -> None:
    before = scene.paid()
    submission = scene.submission(webhook_url=webhook_url, **scene.part.another(f"{fault}{bool(webhook_url)}"))
    scene.sandbox.misbehave(fault, arg=arg, on="create")

    outcome = await scene.submit(submission)
    found = await scene.found(submission)

    assert isinstance(outcome, Unknown)
    assert scene.paid() == before + 1
    if not scene.reconciles:
        assert found is Search.IMPOSSIBLE
        return
    assert isinstance(found, Found)
    assert (await scene.provider.query(found.ref)).definite


async def test_what_belongs_to_another_job_is_not_found(scene: Scene) -> None:
    params = scene.part.another("another")
    ref = await scene.started(**params)

    result = await scene.provider.reconcile(scene.submission(**params), known_ids=frozenset({ref["id"]}))

    assert result is scene.not_found


@pytest.mark.parametrize("fault", ["drop_before_accept", "server_error"])
async def test_a_job_that_never_arrived_is_absent_in_the_end_where_the_list_can_prove_it(
    scene: Scene, fault: str
) -> None:
    before = scene.paid()
    submission = scene.submission(webhook_url=HOOKS, **scene.part.another(fault))
    scene.sandbox.misbehave(fault, on="create")

    outcome = await scene.submit(submission)
    at_once = await scene.provider.reconcile(submission, known_ids=NOBODY)
    later = await scene.provider.reconcile(aged(submission, SETTLED), known_ids=NOBODY)

    assert isinstance(outcome, Unknown)
    assert (at_once, later) == (scene.not_found, Search.ABSENT if scene.part.proves_absence else scene.not_found)
    assert scene.paid() == before


async def test_a_list_that_lags_is_no_proof_of_absence(scene: Scene) -> None:
    submission = scene.submission(webhook_url=HOOKS)
    scene.sandbox.misbehave("accept_then_drop", on="create")
    scene.sandbox.misbehave("list_lag", arg="60", on="list", times=0)
    await scene.submit(submission)

    assert await scene.provider.reconcile(submission, known_ids=NOBODY) is scene.not_found


@pytest.mark.parametrize("fault", ["reject_401", "reject_402", "reject_404", "reject_422"])
async def test_a_rejection_is_final_and_free(scene: Scene, fault: str) -> None:
    before = scene.paid()
    scene.sandbox.misbehave(fault, on="create")

    outcome = await scene.submit(scene.submission())

    assert isinstance(outcome, Rejected)
    assert outcome.account_must_act == (fault == "reject_402")
    assert outcome.code == ("provider_blocked" if outcome.account_must_act else "provider_rejected")
    assert (outcome.may_retry, bool(outcome.message)) == (False, True)
    assert scene.paid() == before


async def test_a_wrong_parameter_is_rejected_by_name(scene: Scene) -> None:
    outcome = await scene.submit(scene.submission(**scene.part.wrong))

    if not scene.part.checks_at_once:
        assert isinstance(outcome, Accepted)
        last = (await scene.watched(outcome.ref))[-1]
        assert last.error is not None
        assert (last.status, scene.part.named in last.error.message) == (JobStatus.FAILED, True)
        return
    assert isinstance(outcome, Rejected)
    assert scene.part.named in outcome.message


@pytest.mark.parametrize(("fault", "arg"), [("throttled", "7"), ("throttled_silently", None)])
async def test_a_throttled_submit_is_free_and_may_be_sent_again(scene: Scene, fault: str, arg: str | None) -> None:
    before = scene.paid()
    scene.sandbox.misbehave(fault, arg=arg, on="create")

    first = await scene.submit(scene.submission())
    second = await scene.submit(scene.submission())

    assert isinstance(first, Rejected)
    assert first.may_retry
    assert arg is None or first.retry_after == timedelta(seconds=float(arg))
    assert isinstance(second, Accepted)
    assert scene.paid() == before + 1


async def test_during_an_outage_everything_free_is_worth_another_try(scene: Scene) -> None:
    submission = scene.submission()
    scene.sandbox.misbehave("never_starts")
    ref = await scene.started()
    scene.sandbox.misbehave("outage")

    with pytest.raises(ProviderUnavailable):
        await scene.provider.query(ref)
    if scene.reconciles:
        with pytest.raises(ProviderUnavailable):
            await scene.provider.reconcile(submission, known_ids=NOBODY)
    assert isinstance(await scene.submit(submission), Unknown)


async def test_an_uploaded_file_can_be_worked_on_or_is_refused_for_good(scene: Scene) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(PHOTO), 50):
            yield PHOTO[start : start + 50]

    file = InputFile(name="photo.png", media_type="image/png", size=len(PHOTO), chunks=chunks)

    if not scene.part.takes_uploads:
        with pytest.raises(ProviderFailed):
            await scene.provider.attach(file, token="sub_upload")
        return
    (name,) = scene.provider.parameters(scene.model).file_fields()
    _, last = await scene.finished(**{name: await scene.provider.attach(file, token="sub_upload")})

    assert last.status is JobStatus.GENERATED
