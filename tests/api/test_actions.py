"""Actions on finished jobs: which are offered, which are refused and why, and how two jobs are linked."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from aijobs.domain.lifecycle import JobStatus
from aijobs.providers.ttapi import TtapiSettings
from tests.api.conftest import opened_parts
from tests.api.installation import ApiUnderTest, opened_installation
from workflows.client import TemporalJobEngine

MIDJOURNEY = "ttapi_midjourney_v7"
OFFERED = ["upsample1", "variation1", "reroll"]
ANSWER = {"status": "SUCCESS", "jobId": "at-ttapi", "data": {"jobId": "at-ttapi", "components": [*OFFERED, "inpaint"]}}
NOBODYS = "job_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"
ON_THE_WAY = (JobStatus.SUBMITTED, JobStatus.PROCESSING)


@pytest.fixture
async def studio(key: str, engine: TemporalJobEngine, tmp_path: Path) -> AsyncIterator[ApiUnderTest]:
    """An installation with Midjourney."""
    async with (
        opened_parts(tmp_path, engine, ttapi=TtapiSettings(token=SecretStr("tt_test"))) as parts,
        opened_installation(parts, key) as installation,
    ):
        yield installation


async def drawn(api: ApiUnderTest, user: str = "ada", answer: Any = ANSWER) -> str:
    """The code of a finished Midjourney job."""
    code = await api.job(user, model_id=MIDJOURNEY, params={"prompt": "a lighthouse"})
    await api.push(code, *ON_THE_WAY)
    await api.parts.records.gate.advance(code, JobStatus.GENERATED, response=answer)
    await api.push(code, JobStatus.MIGRATING, JobStatus.SUCCESS)
    return code


async def act(api: ApiUnderTest, origin: str, action: str = "upsample1", user: str = "ada", **params: Any) -> Any:
    return await api.submit(user, model_id=MIDJOURNEY, action=action, params={"origin": origin, **params})


async def seen(api: ApiUnderTest, code: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api.http.get(f"/api/jobs/{code}")).json()
    return found


def complaints(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {error["pointer"]: error["message"] for error in answer.json()["errors"]}


async def points_used(api: ApiUnderTest) -> int:
    used: int = (await api.http.get("/api/points", headers={"Aijobs-User": "ada"})).json()["used"]
    return used


async def test_a_finished_job_shows_what_can_be_done_with_it(studio: ApiUnderTest) -> None:
    code = await drawn(studio)
    running = await studio.job(model_id=MIDJOURNEY, params={"prompt": "a lighthouse"})

    assert (await seen(studio, code))["actions"] == OFFERED
    assert (await seen(studio, running))["actions"] == []
    listed = (await studio.http.get("/api/jobs")).json()["data"]
    assert {job["code"]: job["actions"] for job in listed} == {code: OFFERED, running: []}


async def test_a_provider_without_actions_offers_none_and_takes_any_label(studio: ApiUnderTest) -> None:
    code = await studio.job(action="beautify")
    await studio.push(code, *ON_THE_WAY, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)

    job = await seen(studio, code)

    assert (job["action"], job["origin"], job["actions"]) == ("beautify", None, [])


async def test_an_action_is_a_new_charged_job_and_both_know_of_each_other(studio: ApiUnderTest) -> None:
    origin = await drawn(studio)
    before = await points_used(studio)

    job = (await act(studio, origin)).json()

    assert (job["action"], job["origin"], job["job_status_name"]) == ("upsample1", origin, "DRAFT")
    assert await points_used(studio) == before + 1
    headers = {"Accept": "application/json"}
    history = (await studio.http.get(f"/api/jobs/{origin}/events", headers=headers)).json()["data"]
    assert history[-1]["detail"] == {"action": "upsample1", "job": job["code"]}
    (first, *_) = (await studio.http.get(f"/api/jobs/{job['code']}/events", headers=headers)).json()["data"]
    assert first["detail"] == {"action": "upsample1", "origin": origin}
    assignment = await studio.parts.records.queries.assignment(job["code"])
    assert (assignment.action, assignment.origin) == ("upsample1", origin)


async def test_an_action_that_is_not_offered_is_refused_with_those_that_are(studio: ApiUnderTest) -> None:
    origin = await drawn(studio)
    before = await points_used(studio)

    refused = await act(studio, origin, "upscale_subtle")

    assert complaints(refused) == {"/action": f"{origin} offers: upsample1, variation1, reroll."}
    assert await points_used(studio) == before


async def test_a_job_without_components_offers_nothing(studio: ApiUnderTest) -> None:
    origin = await drawn(studio, answer={"status": "SUCCESS", "data": None})

    assert complaints(await act(studio, origin)) == {"/action": f"{origin} offers no actions."}


@pytest.mark.parametrize("action", ["upsample1", "upsampel1"])
async def test_an_action_without_an_origin_is_no_imagine(studio: ApiUnderTest, action: str) -> None:
    refused = await studio.submit(model_id=MIDJOURNEY, action=action, params={"prompt": "a lighthouse"})

    assert complaints(refused).keys() == {"/params/origin", "/params/prompt"}


async def test_imagine_is_another_name_for_the_plain_job(studio: ApiUnderTest) -> None:
    accepted = await studio.submit(model_id=MIDJOURNEY, action="imagine", params={"prompt": "a lighthouse"})

    assert accepted.status_code == 202


async def test_somebody_elses_job_cannot_be_acted_on(studio: ApiUnderTest) -> None:
    origin = await drawn(studio, user="grace")

    for code in (origin, NOBODYS):
        assert complaints(await act(studio, code)) == {"/params/origin": "There is no such job of this user."}


async def test_an_origin_is_a_jobs_code(studio: ApiUnderTest) -> None:
    assert complaints(await act(studio, "../etc/passwd")).keys() == {"/params/origin"}


async def test_only_what_has_succeeded_can_be_acted_on(studio: ApiUnderTest) -> None:
    running = await studio.job(model_id=MIDJOURNEY, params={"prompt": "a lighthouse"})
    failed = await studio.job(model_id=MIDJOURNEY, params={"prompt": "a lighthouse"})
    await studio.push(failed, JobStatus.FAILED)

    for code, status in ((running, "DRAFT"), (failed, "FAILED")):
        (message,) = complaints(await act(studio, code)).values()
        assert message.endswith(f"this one is {status}.")


async def test_what_another_provider_has_made_cannot_be_acted_on(studio: ApiUnderTest) -> None:
    code = await studio.job()
    await studio.push(code, *ON_THE_WAY, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)

    assert complaints(await act(studio, code)) == {
        "/params/origin": "Midjourney cannot act on what ImageUpscale has made."
    }


async def test_an_action_takes_nothing_but_its_origin(studio: ApiUnderTest) -> None:
    refused = await act(studio, await drawn(studio), prompt="a cat")

    assert complaints(refused).keys() == {"/params/prompt"}


async def test_the_same_action_with_the_same_key_is_one_job(studio: ApiUnderTest) -> None:
    origin = await drawn(studio)
    request: dict[str, Any] = {"model_id": MIDJOURNEY, "action": "reroll", "params": {"origin": origin}}

    answers = [await studio.submit(**request, headers={"Idempotency-Key": "once"}) for _ in range(2)]

    assert answers[0].json()["code"] == answers[1].json()["code"]


async def test_a_rerun_takes_its_origin_along(studio: ApiUnderTest) -> None:
    origin = await drawn(studio)
    code = (await act(studio, origin)).json()["code"]
    await studio.push(code, JobStatus.FAILED)

    again = (await studio.http.post(f"/api/jobs/{code}/rerun", json={"from": "start"})).json()

    assert (again["action"], again["origin"]) == ("upsample1", origin)


async def test_each_upload_of_a_list_is_checked(studio: ApiUnderTest) -> None:
    missing = "file_06FNXQ3W9E8Y7ZKDRT2M5S4HBC"
    params = {"prompt": "a lighthouse", "images": ["https://example.com/1.png", missing]}

    refused = await studio.submit(model_id=MIDJOURNEY, params=params)

    assert complaints(refused) == {"/params/images/1": "There is no such file of this user."}


async def test_a_job_has_one_price_whatever_it_makes(studio: ApiUnderTest) -> None:
    refused = await studio.submit(model_id=MIDJOURNEY, params={"prompt": "a lighthouse"}, output_count=4)

    assert complaints(refused) == {"/output_count": "Midjourney makes at most 1."}


async def test_the_jobs_page_has_a_button_for_each_and_pressed_twice_it_makes_one_job(studio: ApiUnderTest) -> None:
    code = await drawn(studio)
    form = {"action": "upsample1", "idempotency_key": "form_1"}

    page = await studio.http.get(f"/jobs/{code}")
    pressed = [await studio.http.post(f"/jobs/{code}/act", data=form) for _ in range(2)]

    assert all(f'value="{action}"' in page.text for action in OFFERED)
    assert [answer.status_code for answer in pressed] == [303, 303]
    assert pressed[0].headers["location"] == pressed[1].headers["location"]
    made = await seen(studio, pressed[0].headers["location"].removeprefix("/jobs/"))
    assert (made["origin"], made["action"], made["user_id"]) == (code, "upsample1", "ada")
