"""Finding a Midjourney job whose submit got no response, and never a wrong one."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.submissions import Accepted, Found, Search, Submission, Unknown
from aijobs.providers.ttapi.prompt import seed_of_token
from aijobs.providers.ttapi.reconcile import WINDOW
from tests.providers.conftest import PATIENT
from tests.providers.open_provider import aged
from tests.providers.scene import Scene

At = Callable[..., Awaitable[Any]]
Lost = Callable[..., Submission]
NOBODY = frozenset[str]()
HOOKS = "http://127.0.0.1:9/hooks"
SEED = seed_of_token("sub_0042")
OURS = f"a lighthouse --seed {SEED} --v 7"
HOOK = "https://us.example/api/webhooks/ttapi/sub_0042"


def line(job_id: str, prompt: str = OURS, **more: Any) -> dict[str, Any]:
    return {"job_id": job_id, "model": "fast", "action": "imagine", "status": 1, "prompt": prompt, **more}


def page(*lines: Any) -> dict[str, Any]:
    return {"status": "SUCCESS", "message": "success", "data": {"list": list(lines), "total": len(lines)}}


@pytest.fixture
def ttapi_at(ttapi_at: At) -> At:
    """Every vendor here answers."""
    return partial(ttapi_at, timeouts=PATIENT)


@pytest.fixture
def searched(ttapi_at: At, vendor_that: At, server: Any) -> At:
    """Reconcile with a vendor that has exactly these running jobs."""

    async def search(submission: Submission, *lines: Any, known_ids: frozenset[str] = NOBODY, more: Any = ()) -> Any:
        pages = [page(), page(*lines), page(), page()]
        vendor = await vendor_that(*(server.answers(200, body) for body in (*pages, *more)))
        return await (await ttapi_at(vendor.url)).reconcile(submission, known_ids=known_ids)

    return search


async def test_every_status_is_asked_for_since_running_jobs_are_hidden_otherwise(
    ttapi_at: At, vendor_that: At, server: Any, lost: Lost
) -> None:
    vendor = await vendor_that(server.answers(200, page()))

    await (await ttapi_at(vendor.url)).reconcile(lost(body={"prompt": OURS}), known_ids=NOBODY)

    questions = [parse_qs(urlsplit(received.path).query) for received in vendor.received]
    assert [question["status"] for question in questions] == [["PENDING_QUEUE"], ["ON_QUEUE"], ["SUCCESS"], ["FAILED"]]
    assert all(question["limit"] == ["100"] and question["order"] == ["desc"] for question in questions)


async def test_a_full_page_is_followed_by_the_next(ttapi_at: At, vendor_that: At, server: Any, lost: Lost) -> None:
    full = page(*(line(f"other-{number}", "something else") for number in range(100)))
    pages = (full, page(line("ours")), page(), page(), page())
    vendor = await vendor_that(*(server.answers(200, body) for body in pages))

    found = await (await ttapi_at(vendor.url)).reconcile(lost(body={"prompt": OURS}), known_ids=NOBODY)

    assert found == Found({"id": "ours"})


@pytest.mark.parametrize("data", [[line("ours")], {"list": [line("ours")]}, {"data": [line("ours")], "total": 1}])
async def test_the_list_is_read_wherever_it_is(
    ttapi_at: At, vendor_that: At, server: Any, lost: Lost, data: Any
) -> None:
    vendor = await vendor_that(server.answers(200, {"status": "SUCCESS", "data": data}))

    found = await (await ttapi_at(vendor.url)).reconcile(lost(body={"prompt": OURS}), known_ids=NOBODY)

    assert found == Found({"id": "ours"})


async def test_a_prompt_with_our_seed_is_a_proof(searched: At, lost: Lost) -> None:
    other = line("other", f"a lighthouse --seed {SEED + 1} --v 7")

    assert await searched(lost(body={"prompt": OURS}), other, line("ours"), {"odd": 1}, "odd") == Found({"id": "ours"})


@pytest.mark.parametrize(
    "echoed",
    [
        f"a lighthouse --v 7 --seed {SEED}",
        f"<https://s.mj.run/Xy12> a lighthouse --seed {SEED} --v 7.0 --ar 16:9",
        f"A  Lighthouse —seed {SEED} —v 7",
        f"**a lighthouse --v 7 --seed {SEED}** - <@1234> (fast)",
        f"a lighthouse --SEED {SEED}",
    ],
)
async def test_our_seed_alone_is_a_proof_whatever_becomes_of_the_prompt(searched: At, lost: Lost, echoed: str) -> None:
    prompt = f"https://long.example/photo.png a lighthouse --seed {SEED} --ar 16:9 --v 7"

    assert await searched(lost(body={"prompt": prompt}), line("ours", echoed)) == Found({"id": "ours"})


@pytest.mark.parametrize("echoed", [f"--seed {SEED}1", f"--seed 1{SEED}", f"--seed {SEED}.5", f"the seed {SEED}", "a"])
async def test_another_seed_is_no_proof(searched: At, lost: Lost, echoed: str) -> None:
    assert await searched(lost(body={"prompt": OURS}), line("other", f"a lighthouse {echoed}")) is Search.NOT_YET


async def test_a_seed_that_the_caller_chose_is_no_proof_even_with_the_whole_prompt(searched: At, lost: Lost) -> None:
    prompt = f"a lighthouse --seed {SEED + 1} --ar 16:9 --v 7"

    assert await searched(lost(body={"prompt": prompt}), line("whose?", prompt)) is Search.IMPOSSIBLE


async def test_a_link_of_ours_in_the_prompt_is_a_proof(searched: At, lost: Lost) -> None:
    prompt = "https://us.example/store/sub_0042.png a lighthouse --seed 7"

    assert await searched(lost(body={"prompt": prompt}), line("ours", prompt)) == Found({"id": "ours"})


async def test_two_equal_prompts_are_never_confused(searched: At, lost: Lost) -> None:
    """The caller chose the seed: an earlier job may have the same."""
    same = "a lighthouse --seed 7"

    assert await searched(lost(body={"prompt": same}), line("whose?", same)) is Search.IMPOSSIBLE


async def test_a_translated_prompt_is_nothing_to_go_by(searched: At, lost: Lost) -> None:
    body = {"prompt": OURS, "translation": True}

    assert await searched(lost(body=body), line("whose?")) is Search.IMPOSSIBLE


async def test_two_that_look_alike_prove_nothing(searched: At, lost: Lost) -> None:
    assert await searched(lost(body={"prompt": OURS}), line("one"), line("two")) is Search.NOT_YET


async def test_what_belongs_to_others_is_left_to_them(searched: At, lost: Lost) -> None:
    known = frozenset({"theirs"})

    assert await searched(lost(body={"prompt": OURS}), line("theirs"), known_ids=known) is Search.NOT_YET


async def test_the_echoed_hook_tells_equal_prompts_apart(searched: At, lost: Lost) -> None:
    same = "a lighthouse --seed 7"
    others = {"status": "ON_QUEUE", "jobId": "other", "data": {"jobId": "other", "hookUrl": f"{HOOK}x"}}
    ours = {"status": "ON_QUEUE", "jobId": "ours", "data": {"jobId": "ours", "hookUrl": HOOK}}

    found = await searched(
        lost(body={"prompt": same, "hookUrl": HOOK}), line("other", same), line("ours", same), more=(others, ours)
    )

    assert found == Found({"id": "ours"})


async def test_an_action_without_a_hook_leaves_no_trace(searched: At, lost: Lost) -> None:
    body = {"jobId": "origin", "action": "upsample1"}

    assert await searched(lost(body=body), line("whose?", action="upsample1")) is Search.IMPOSSIBLE


async def test_absence_is_never_claimed_and_the_search_ends_some_day(searched: At, lost: Lost) -> None:
    young, old = lost(body={"prompt": OURS}, age=WINDOW / 2), lost(body={"prompt": OURS}, age=WINDOW * 2)

    assert await searched(young) is Search.NOT_YET
    assert await searched(old) is Search.IMPOSSIBLE


@pytest.mark.parametrize("body", [{"status": "FAILED", "data": None}, {"data": {"one": [], "two": []}}, b"<html>"])
async def test_a_list_that_cannot_be_read_is_worth_another_try(
    ttapi_at: At, vendor_that: At, server: Any, lost: Lost, body: Any
) -> None:
    vendor = await vendor_that(server.answers(200, body))

    with pytest.raises(ProviderUnavailable):
        await (await ttapi_at(vendor.url)).reconcile(lost(body={"prompt": OURS}), known_ids=NOBODY)


async def test_a_lost_action_is_found_by_its_hook(ttapi_scene: Scene) -> None:
    origin, _ = await ttapi_scene.finished()
    submission = ttapi_scene.submission(webhook_url=HOOKS, action="upsample1", origin=origin)
    ttapi_scene.sandbox.misbehave("accept_then_drop", on="create")

    outcome = await ttapi_scene.submit(submission)
    found = await ttapi_scene.provider.reconcile(submission, known_ids=frozenset({origin["id"]}))

    assert isinstance(outcome, Unknown)
    assert isinstance(found, Found)
    assert (await ttapi_scene.provider.query(found.ref)).raw["data"]["action"] == "upsample1"


async def test_of_two_equal_jobs_at_the_same_time_each_finds_its_own(ttapi_scene: Scene) -> None:
    first, second = (ttapi_scene.submission(prompt="twins", seed=7, webhook_url=HOOKS) for _ in range(2))
    ttapi_scene.sandbox.misbehave("accept_then_drop", on="create", times=2)
    for submission in (first, second):
        assert isinstance(await ttapi_scene.submit(submission), Unknown)

    found = [await ttapi_scene.provider.reconcile(one, known_ids=NOBODY) for one in (first, second)]

    by_token = {row.correlation: row.id for row in ttapi_scene.sandbox.ledger()}
    assert found == [Found({"id": by_token[one.token]}) for one in (first, second)]


async def test_of_two_equal_jobs_without_a_hook_none_is_taken_for_the_other(ttapi_scene: Scene) -> None:
    first, second = (ttapi_scene.submission(prompt="twins", seed=7) for _ in range(2))
    assert isinstance(await ttapi_scene.submit(first), Accepted)

    assert await ttapi_scene.provider.reconcile(second, known_ids=NOBODY) is Search.IMPOSSIBLE
    assert await ttapi_scene.provider.reconcile(aged(second, WINDOW * 2), known_ids=NOBODY) is Search.IMPOSSIBLE


@pytest.mark.parametrize(
    ("fault", "kind"), [("refused_with_200", "provider_rejected"), ("queue_exhausted", "provider_throttled")]
)
async def test_the_vendors_own_refusals_are_free(ttapi_scene: Scene, fault: str, kind: str) -> None:
    before = ttapi_scene.paid()
    ttapi_scene.sandbox.misbehave(fault)

    outcome = await ttapi_scene.submit(ttapi_scene.submission())

    assert getattr(outcome, "code", None) == kind
    assert ttapi_scene.paid() == before


async def test_the_other_spelling_of_the_id_is_accepted_on_the_way(ttapi_scene: Scene) -> None:
    ttapi_scene.sandbox.misbehave("snake_case_id")

    ref = await ttapi_scene.started()

    assert (await ttapi_scene.watched(ref))[-1].final
    assert timedelta(days=1) <= (ttapi_scene.provider.capabilities.link_lifetime or timedelta())
