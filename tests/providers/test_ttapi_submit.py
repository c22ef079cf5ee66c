"""Submitting to TTAPI: the requests, and the outcome for each response."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import InvalidParameters
from aijobs.domain.jobs.parameters import check_parameters
from aijobs.domain.jobs.submissions import Accepted, Rejected, Unknown
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Task
from aijobs.providers.ttapi.parameters import MAX_IMAGES, Action, Imagine
from aijobs.providers.ttapi.prompt import seed_of_token

At = Callable[..., Awaitable[Any]]

JOB_ID = "afa774a3-1aee-5aba-4510-14818d6875e4"
TAKEN = {"status": "SUCCESS", "message": "success", "data": {"jobId": JOB_ID}}
REFUSED = {"status": "FAILED", "message": "Banned prompt.", "data": None}
ORIGIN = "job_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"
HOOK = "https://us.example/api/webhooks/ttapi/sub_0042"


@pytest.fixture
def task(midjourney: Model) -> Callable[..., Task]:
    def make(*, model: Model = midjourney, webhook_url: str | None = None, **params: Any) -> Task:
        checked = check_parameters(model, Imagine, {"prompt": "a lighthouse", **params}).model_dump(mode="json")
        return Task(
            job_code="job_1", model=model, params=checked, output_count=1, token="sub_0042", webhook_url=webhook_url
        )

    return make


@pytest.fixture
def submitted(ttapi_at: At, vendor_that: At, server: Any, task: Callable[..., Task]) -> At:
    """The outcome of a submit for this behaviour of the vendor."""

    async def submit(behaviour: Any) -> Any:
        ttapi = await ttapi_at((await vendor_that(behaviour)).url)
        return await ttapi.submit(ttapi.build_request(task()))

    return submit


async def test_an_imagine_says_everything_that_ttapi_would_decide_otherwise(
    ttapi_at: At, vendor_that: At, server: Any, task: Callable[..., Task]
) -> None:
    vendor = await vendor_that(server.answers(200, TAKEN))
    ttapi = await ttapi_at(vendor.url)

    outcome = await ttapi.submit(ttapi.build_request(task(mode="relax", webhook_url=HOOK)))

    (received,) = vendor.received
    assert outcome == Accepted({"id": JOB_ID})
    assert (received.method, received.path) == ("POST", "/midjourney/v1/imagine")
    assert received.headers["tt-api-key"] == "tt_a_key_that_must_stay_secret"
    assert received.document == {
        "prompt": f"a lighthouse --seed {seed_of_token('sub_0042')} --v 7",
        "mode": "relax",
        "translation": False,
        "getUImages": True,
        "timeout": 1200,
        "hookUrl": HOOK,
    }


def test_pictures_lead_and_switches_close_the_prompt(ttapi: Provider, task: Callable[..., Task]) -> None:
    action_task = task(
        prompt="  in winter --stylize 250 ",
        images=["https://a.example/1.png", "https://a.example/2.png"],
        aspect="16:9",
        seed=7,
    )

    prompt = ttapi.build_request(action_task).body["prompt"]

    assert prompt == "https://a.example/1.png https://a.example/2.png in winter --stylize 250 --seed 7 --ar 16:9 --v 7"


def test_the_version_is_the_models(ttapi: Provider, task: Callable[..., Task], midjourney: Model) -> None:
    older = midjourney.model_copy(update={"model": "midjourney-v6.1"})
    nameless = midjourney.model_copy(update={"model": "midjourney"})

    assert ttapi.build_request(task(model=older)).body["prompt"].endswith(" --v 6.1")
    assert "--v" not in ttapi.build_request(task(model=nameless)).body["prompt"]


def test_without_a_public_address_no_hook_is_asked_for(ttapi: Provider, task: Callable[..., Task]) -> None:
    assert "hookUrl" not in ttapi.build_request(task()).body


def test_an_action_names_the_vendors_own_job(ttapi: Provider, task: Callable[..., Task]) -> None:
    action_task = replace(
        task(webhook_url=HOOK), action="upsample1", origin={"id": "job-at-ttapi"}, params={"origin": ORIGIN}
    )

    request = ttapi.build_request(action_task)

    assert request.url.endswith("/midjourney/v1/action")
    assert request.body == {
        "jobId": "job-at-ttapi",
        "action": "upsample1",
        "getUImages": True,
        "timeout": 1200,
        "hookUrl": HOOK,
    }


@pytest.mark.parametrize(
    ("mode", "processing", "timeout"),
    [("fast", 60.0, 300), ("relax", 60.0, 600), ("turbo", 500.0, 500), ("relax", 7200.0, 1200)],
)
def test_ttapi_gives_up_when_we_would_as_far_as_it_can(
    ttapi: Provider, task: Callable[..., Task], midjourney: Model, mode: str, processing: float, timeout: int
) -> None:
    deadlines = type(midjourney.deadlines).model_validate({**dict(midjourney.deadlines), "processing": processing})

    request = ttapi.build_request(task(model=midjourney.model_copy(update={"deadlines": deadlines}), mode=mode))

    assert request.body["timeout"] == timeout


@pytest.mark.parametrize(
    "answer",
    [
        TAKEN,
        {"status": "SUCCESS", "message": "success", "data": {"job_id": JOB_ID}},
        {"status": "SUCCESS", "message": "success", "jobId": JOB_ID, "data": None},
    ],
    ids=["jobId", "job_id", "beside the data"],
)
async def test_the_id_has_two_spellings(submitted: At, server: Any, answer: Any) -> None:
    assert await submitted(server.answers(200, answer)) == Accepted({"id": JOB_ID})


async def test_http_200_with_failed_is_a_rejection_with_its_reason(submitted: At, server: Any) -> None:
    outcome = await submitted(server.answers(200, REFUSED))

    assert outcome == Rejected("provider_rejected", "Banned prompt.")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 415, 422])
async def test_a_refusal_is_final_and_free(submitted: At, server: Any, status: int) -> None:
    outcome = await submitted(server.answers(status, REFUSED))

    code = "provider_blocked" if status == 402 else "provider_rejected"
    assert outcome == Rejected(code, "Banned prompt.", account_must_act=status == 402)


@pytest.mark.parametrize("status", [429, 499])
async def test_what_is_too_much_now_may_be_sent_again(submitted: At, server: Any, status: int) -> None:
    outcome = await submitted(server.answers(status, REFUSED, retry_after="9"))

    assert isinstance(outcome, Rejected)
    assert outcome.may_retry
    assert outcome.retry_after is not None
    assert outcome.retry_after.total_seconds() == 9


async def test_a_499_that_is_not_ttapis_own_says_nothing(submitted: At, server: Any) -> None:
    assert isinstance(await submitted(server.answers(499, b"<html>client closed request</html>")), Unknown)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, b"<html>"),
        (200, {"status": "SUCCESS", "message": "success", "data": {}}),
        (200, {"status": "SUCCESS", "message": "success", "data": None}),
        (200, {"data": {"jobId": JOB_ID}}),
        (200, []),
        (301, b""),
        (408, REFUSED),
        (409, REFUSED),
        (500, REFUSED),
        (502, b"bad gateway"),
        (504, REFUSED),
    ],
)
async def test_an_answer_that_settles_nothing_is_unknown(submitted: At, server: Any, status: int, answer: Any) -> None:
    assert isinstance(await submitted(server.answers(status, answer)), Unknown)


@pytest.mark.parametrize("behaviour", ["drops_after_hearing", "resets", "hangs", "trickles", "drops_at_once"])
async def test_a_lost_answer_is_unknown(submitted: At, server: Any, behaviour: str) -> None:
    assert isinstance(await submitted(getattr(server, behaviour)), Unknown)


async def test_a_vendor_that_is_away_was_not_sent_anything(
    ttapi_at: At, refused_url: str, task: Callable[..., Task]
) -> None:
    ttapi = await ttapi_at(refused_url)

    outcome = await ttapi.submit(ttapi.build_request(task()))

    assert isinstance(outcome, Rejected)
    assert outcome.may_retry


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"prompt": ""}, "/params/prompt"),
        ({"prompt": "   "}, "/params/prompt"),
        ({"prompt": "x" * 4001}, "/params/prompt"),
        ({"prompt": "a cat --v 6"}, "/params/prompt"),
        ({"prompt": "--stylize 250"}, "/params/prompt"),
        ({"mode": "slow"}, "/params/mode"),
        ({"aspect": "16x9"}, "/params/aspect"),
        ({"aspect": "0:1"}, "/params/aspect"),
        ({"aspect": "1.5:1"}, "/params/aspect"),
        ({"seed": -1}, "/params/seed"),
        ({"seed": 2**32}, "/params/seed"),
        ({"seed": True}, "/params/seed"),
        ({"images": ["not a link"]}, "/params/images/0"),
        ({"images": ["https://a.example/1.png"] * (MAX_IMAGES + 1)}, "/params/images"),
        ({"translation": "yes"}, "/params/translation"),
        ({"getImageText": True}, "/params/getImageText"),
        ({"origin": ORIGIN}, "/params/origin"),
        ({"prompt": "a cat --repeat 40"}, "/params/prompt"),
        ({"prompt": "a cat —repeat 40"}, "/params/prompt"),
        ({"prompt": "a cat --v 6.1"}, "/params/prompt"),
        ({"prompt": "a cat --v6"}, "/params/prompt"),
        ({"prompt": "a cat --niji 7"}, "/params/prompt"),
        ({"prompt": "a cat --ar wide"}, "/params/prompt"),
        ({"prompt": "a cat --ar"}, "/params/prompt"),
        ({"prompt": "a cat --ar 16:9 --ar 1:1"}, "/params/prompt"),
        ({"prompt": "a cat --seed 4294967296"}, "/params/prompt"),
        ({"prompt": "a cat --seed five"}, "/params/prompt"),
        ({"prompt": "--ar 16:9 --seed 5"}, "/params/prompt"),
        ({"prompt": "a cat --ar 16:9", "aspect": "3:2"}, "/params/prompt"),
        ({"prompt": "a cat --seed 5", "seed": 6}, "/params/prompt"),
        ({"prompt": "a cat --fast", "mode": "relax"}, "/params/prompt"),
        ({"prompt": "a {red, green} bird"}, "/params/prompt"),
    ],
)
def test_a_wrong_parameter_is_named(midjourney: Model, wrong: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidParameters) as refused:
        check_parameters(midjourney, Imagine, {"prompt": "a cat", **wrong})

    assert [field.pointer for field in refused.value.fields] == [pointer]


def test_a_single_picture_needs_no_brackets(midjourney: Model) -> None:
    link = "https://a.example/1.png"

    checked = check_parameters(midjourney, Imagine, {"prompt": "a cat", "images": link})

    assert checked.model_dump()["images"] == [link]


def test_an_operators_rules_about_imagine_leave_actions_alone(midjourney: Model) -> None:
    rules = {"defaults": {"mode": "relax"}, "allowed": {"mode": ["relax"]}}
    narrowed = midjourney.model_validate({**midjourney.model_dump(), "parameters": rules})

    assert check_parameters(narrowed, Imagine, {"prompt": "a cat"}).model_dump()["mode"] == "relax"
    assert check_parameters(narrowed, Action, {"origin": ORIGIN}).model_dump() == {"origin": ORIGIN}


def test_only_imagine_is_the_plain_job(ttapi: Any, midjourney: Model) -> None:
    assert (ttapi.follow_up(midjourney, None), ttapi.follow_up(midjourney, "imagine")) == (None, None)
    assert ttapi.follow_up(midjourney, "upsample1") is Action
