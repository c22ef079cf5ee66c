"""TTAPI's protocol as documented, over plain HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import ImageChops

from sandbox.config import SandboxConfig
from sandbox.persistence.ledger import Charge
from sandbox.server import RunningSandbox, running
from sandbox.vendors.ttapi.account_rules import AccountRules
from tests.sandbox.caller import SandboxCaller
from tests.sandbox.conftest import FAST
from tests.sandbox.painter import RawTtapiClient, ttapi_http_client

DATA = "action jobId progress prompt quota discordImage cdnImage width height hookUrl components seed images"
OF_A_GRID = "upsample1 upsample2 upsample3 upsample4 reroll variation1 variation2 variation3 variation4"


@pytest.fixture
async def painter(sandbox: RunningSandbox) -> AsyncIterator[RawTtapiClient]:
    async with ttapi_http_client(sandbox) as http:
        yield RawTtapiClient(http)


async def test_a_submit_says_success_long_before_anything_is_done(painter: RawTtapiClient) -> None:
    reply = await painter.post(fault="queue_seconds=60")

    answer = reply.json()
    assert (reply.status_code, answer["status"], answer["message"]) == (200, "SUCCESS", "success")
    job = await painter.fetch(answer["data"]["jobId"])
    assert (job["status"], job["message"]) == ("PENDING_QUEUE", None)
    assert (job["data"]["progress"], job["data"]["cdnImage"], job["data"]["components"]) == (None, None, [])


async def test_what_is_on_queue_is_being_drawn_and_says_how_far(painter: RawTtapiClient) -> None:
    job_id = await painter.imagine(fault="never_finishes")

    job = await painter.until(job_id, "ON_QUEUE")

    assert job["message"] is None
    assert job["data"]["progress"].endswith("%")


async def test_a_finished_job_is_as_the_documentation_shows_it(painter: RawTtapiClient) -> None:
    job = await painter.finished()

    data = job["data"]
    assert (job["message"], job["jobId"]) == ("", data["jobId"])
    assert list(data) == DATA.split()
    assert (data["action"], data["progress"], data["quota"], data["hookUrl"]) == ("imagine", "100", "4", None)
    assert data["components"] == OF_A_GRID.split()
    assert (data["width"], data["height"], len(data["images"])) == (1024, 1024, 4)


async def test_fetch_takes_a_post_as_well(painter: RawTtapiClient) -> None:
    job_id = await painter.imagine()

    answer = (await painter.http.post("/midjourney/v1/fetch", json={"jobId": job_id})).json()

    assert answer["jobId"] == job_id


async def test_the_grid_is_made_of_the_four_pictures_and_an_upsample_is_one_of_them_larger(
    painter: RawTtapiClient,
) -> None:
    data = (await painter.finished(prompt="a cat --ar 3:2"))["data"]
    upsampled = (await painter.acted(data["jobId"], "upsample4"))["data"]

    grid, *singles = [await painter.picture(url) for url in (data["cdnImage"], *data["images"])]
    width, height = singles[0].size
    assert abs(width / height - 1.5) < 0.01
    for number, single in enumerate(singles):
        left, top = number % 2 * width, number // 2 * height
        assert ImageChops.difference(single, grid.crop((left, top, left + width, top + height))).getbbox() is None
    larger = await painter.picture(upsampled["cdnImage"])
    assert larger.size == (2 * width, 2 * height)
    assert upsampled["images"] == []
    assert "upscale_subtle" in upsampled["components"]
    seen_small = ImageChops.difference(larger.resize((64, 64)), singles[3].resize((64, 64)))
    assert seen_small.convert("L").point(lambda shade: 255 * (shade > 40)).getbbox() is None


async def test_the_same_prompt_is_the_same_picture_and_a_variation_is_another(painter: RawTtapiClient) -> None:
    first, second, other = [await painter.finished(prompt=prompt) for prompt in ("a cat", "a cat", "a dog")]
    varied = await painter.acted(first["jobId"], "variation1")

    pictures = [(await painter.http.get(job["data"]["cdnImage"])).content for job in (first, second, other, varied)]
    assert pictures[0] == pictures[1]
    assert len(set(pictures)) == 3
    assert len(varied["data"]["images"]) == 4


async def test_an_upsampled_picture_can_be_worked_on_further(painter: RawTtapiClient) -> None:
    origin = await painter.finished()
    upsampled = await painter.acted(origin["jobId"], "upsample1")

    zoomed = await painter.acted(upsampled["jobId"], "zoom_out_2")
    upscaled = await painter.acted(upsampled["jobId"], "upscale_creative")

    assert len(zoomed["data"]["images"]) == 4
    assert upscaled["data"]["width"] == 2 * upsampled["data"]["width"]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"prompt": " "}, "prompt"),
        ({"mode": None}, "mode"),
        ({"mode": "slow"}, "mode"),
        ({"timeout": 200}, "timeout"),
        ({"mode": "relax", "timeout": 300}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"hookUrl": "nowhere"}, "hookUrl"),
        ({"prompt": "a cat --ar 0:1"}, "--ar"),
    ],
)
async def test_a_bad_parameter_is_400_and_free(
    painter: RawTtapiClient, sandbox: RunningSandbox, wrong: dict[str, Any], word: str
) -> None:
    reply = await painter.post(**wrong)

    assert (reply.status_code, reply.json()["status"], reply.json()["data"]) == (400, "FAILED", None)
    assert word in reply.json()["message"]
    assert sandbox.ledger() == []


async def test_an_action_that_is_not_offered_is_refused(painter: RawTtapiClient) -> None:
    origin = await painter.finished()

    assert (await painter.act(origin["jobId"], "upscale_subtle")).status_code == 400
    assert (await painter.act("no-such-job", "upsample1")).json()["message"] == "job not found"


async def test_a_timeout_may_be_a_number_or_a_text(painter: RawTtapiClient) -> None:
    assert [(await painter.post(timeout=written)).status_code for written in (300, "1200")] == [200, 200]


async def test_the_prompt_is_translated_unless_that_is_declined(painter: RawTtapiClient) -> None:
    unchanged, changed = [
        await painter.fetch(await painter.imagine(prompt="ein  Kater", translation=translation))
        for translation in (False, True)
    ]

    assert (unchanged["data"]["prompt"], changed["data"]["prompt"]) == ("ein  Kater", "ein Kater.")


async def test_single_pictures_come_only_when_asked_for(painter: RawTtapiClient) -> None:
    assert (await painter.finished(getUImages=False))["data"]["images"] == []


async def test_the_list_hides_what_runs_and_speaks_a_dialect(painter: RawTtapiClient) -> None:
    running_id = await painter.imagine(fault="never_finishes")
    await painter.until(running_id, "ON_QUEUE")
    done = [(await painter.finished())["jobId"] for _ in range(2)]

    assert [line["job_id"] for line in await painter.listed()] == done[::-1]
    assert [line["job_id"] for line in await painter.listed(order="asc", limit=1, page=2)] == done[1:]
    (line,) = await painter.listed(status="ON_QUEUE")
    assert (line["job_id"], line["status"], line["model"], line["action"]) == (running_id, 1, "fast", "imagine")
    assert "hookUrl" not in line
    assert [line["status"] for line in await painter.listed(status="SUCCESS")] == [2, 2]


async def test_the_list_takes_no_nonsense(painter: RawTtapiClient) -> None:
    for query in ({"status": "2"}, {"limit": 101}, {"page": 0}, {"order": "up"}):
        assert (await painter.http.get("/midjourney/v1/fetch-list", params=query)).status_code == 400


async def test_quota_is_frozen_then_settled_or_released(painter: RawTtapiClient, sandbox: RunningSandbox) -> None:
    before = await painter.info()
    running_id = await painter.imagine(fault="never_finishes")
    await painter.finished(mode="relax")
    await painter.finished(fault="failed=a banned word", mode="turbo")
    after = await painter.info()

    assert after["balance"] == before["balance"] - 4 - 2
    assert (before["freeze_balance"], after["freeze_balance"], after["max_queue"]) == (0, 4, 10)
    assert {row.id: row.charge for row in sandbox.ledger()}[running_id] is Charge.PENDING
    assert [row.charge for row in sandbox.ledger()][1:] == [Charge.CHARGED, Charge.FREE]


async def test_a_failed_job_gives_its_reason(painter: RawTtapiClient) -> None:
    job = await painter.finished(fault="failed=a banned word")

    assert (job["status"], job["message"], job["data"]["cdnImage"]) == ("FAILED", "a banned word", None)


async def test_ten_jobs_at_once_are_the_most(painter: RawTtapiClient, sandbox: RunningSandbox) -> None:
    for _ in range(10):
        await painter.imagine(fault="never_starts")

    refused = await painter.post()

    assert (refused.status_code, refused.json()["status"]) == (499, "FAILED")
    assert len(sandbox.ledger()) == 10


async def test_without_quota_nothing_is_taken() -> None:
    config = SandboxConfig(port=0, pace=FAST, rules=(AccountRules(quota=5),))
    async with running(config) as poor, ttapi_http_client(poor) as http:
        painter = RawTtapiClient(http)
        await painter.finished()

        assert (await painter.post()).status_code == 402
        assert (await painter.info())["balance"] == 1


async def test_relax_takes_longer_than_turbo(painter: RawTtapiClient) -> None:
    averages = (await painter.http.get("/midjourney/status")).json()["data"]

    assert averages["relax"] >= averages["fast"] >= averages["turbo"]


async def test_a_call_without_a_key_is_refused(sandbox: RunningSandbox) -> None:
    async with ttapi_http_client(sandbox, "") as http:
        for reply in (await http.get("/midjourney/v1/info"), await RawTtapiClient(http).post()):
            assert (reply.status_code, reply.json()["status"]) == (401, "FAILED")


async def test_another_account_sees_nothing(painter: RawTtapiClient, sandbox: RunningSandbox) -> None:
    job_id = (await painter.finished())["jobId"]

    async with ttapi_http_client(sandbox, "tt_another_key") as http:
        stranger = RawTtapiClient(http)
        assert (await stranger.fetch(job_id))["message"] == "job not found"
        assert await stranger.listed() == []


async def test_a_hook_is_the_fetched_job_unsigned(painter: RawTtapiClient, caller: SandboxCaller) -> None:
    job = await painter.finished(hookUrl=caller.hook)

    (webhook,) = await caller.received(1)
    assert webhook.prediction["jobId"] == job["jobId"]
    assert webhook.prediction["data"]["hookUrl"] == job["data"]["hookUrl"] == caller.hook
    assert not any(name.startswith("webhook-") for name in webhook.headers)


async def test_a_hook_is_delivered_three_times_at_most_until_it_is_answered_200(
    painter: RawTtapiClient, caller: SandboxCaller
) -> None:
    caller.answers[:] = [202, 500, 404, 200]
    await painter.finished(hookUrl=caller.hook)
    await caller.received(3)

    await painter.finished(hookUrl=caller.hook)

    assert len(await caller.received(4)) == 4


async def test_the_ledger_counts_submits_by_the_token_that_was_planted(
    painter: RawTtapiClient, sandbox: RunningSandbox, caller: SandboxCaller
) -> None:
    await painter.imagine(hookUrl=caller.hook)
    await painter.imagine(prompt="a cat --seed 42")

    assert sandbox.context.ledger.submits() == {"job-1": 1, "42": 1}


async def test_a_killed_sandbox_goes_on_where_it_was(tmp_path: Any) -> None:
    config = SandboxConfig(port=0, pace=FAST, data_dir=tmp_path)
    async with running(config) as first, ttapi_http_client(first) as http:
        done = (await RawTtapiClient(http).finished())["jobId"]
        waiting = await RawTtapiClient(http).imagine(fault="queue_seconds=0.5")

    async with running(config) as second, ttapi_http_client(second) as http:
        painter = RawTtapiClient(http)
        assert (await painter.fetch(done))["status"] == "SUCCESS"
        assert (await painter.until(waiting, "SUCCESS"))["status"] == "SUCCESS"
        assert len(second.ledger()) == 2
