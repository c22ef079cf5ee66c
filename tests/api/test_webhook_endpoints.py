"""Webhook endpoints, their secrets, and the log of deliveries."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.scopes import Scope
from aijobs.domain.webhooks import SecretRef, WebhookReply, secret_of
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from tests.api.installation import SECRET, ApiUnderTest, Headers

URL = "https://example.com/hooks"
ENDPOINTS = "/api/webhook-endpoints"


async def register(api: ApiUnderTest, headers: Headers | None = None, **more: Any) -> dict[str, Any]:
    answer = await api.http.post(ENDPOINTS, json={"url": URL, **more}, headers=headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def deliveries(api: ApiUnderTest, **query: Any) -> list[dict[str, Any]]:
    answer = await api.http.get("/api/webhook-deliveries", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def problem_of(answer: httpx.Response) -> tuple[int, str, str]:
    wrong = answer.json()["errors"][0]
    return answer.status_code, wrong["pointer"], wrong["message"]


async def test_an_endpoint_hears_of_the_ends_of_every_users_jobs_unless_it_says_otherwise(
    without_temporal: ApiUnderTest,
) -> None:
    made = await register(without_temporal)

    assert made["user_id"] is None
    assert made["events"] == ["job.canceled", "job.failed", "job.success", "job.timeout"]
    assert made["enabled"] is True
    assert made["secret"].startswith("whsec_")


async def test_a_secret_is_told_once(without_temporal: ApiUnderTest) -> None:
    made = await register(without_temporal)

    one = (await without_temporal.http.get(f"{ENDPOINTS}/{made['id']}")).json()
    listed = (await without_temporal.http.get(ENDPOINTS)).json()["data"]

    assert one == {name: value for name, value in made.items() if name != "secret"}
    assert listed == [one]


async def test_a_rotation_gives_a_new_secret_and_says_how_long_the_old_one_signs(
    without_temporal: ApiUnderTest,
) -> None:
    made = await register(without_temporal)

    rotated = (await without_temporal.http.post(f"{ENDPOINTS}/{made['id']}/rotate-secret")).json()

    assert made["previous_secret_until"] is None
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_until"] > rotated["create_time"]


async def test_an_endpoint_is_changed_disabled_and_enabled(without_temporal: ApiUnderTest) -> None:
    path = f"{ENDPOINTS}/{(await register(without_temporal))['id']}"

    changed = (await without_temporal.http.patch(path, json={"url": URL + "/2", "events": ["job.status"]})).json()
    disabled = (await without_temporal.http.patch(path, json={"enabled": False})).json()
    refused = await without_temporal.http.post(f"{path}/test")
    enabled = (await without_temporal.http.patch(path, json={"enabled": True})).json()

    assert (changed["url"], changed["events"]) == (URL + "/2", ["job.status"])
    assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "owner")
    assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_disabled")
    assert (enabled["enabled"], enabled["disabled_reason"], enabled["disabled_at"]) == (True, None, None)


async def test_a_deleted_endpoint_is_gone(without_temporal: ApiUnderTest) -> None:
    path = f"{ENDPOINTS}/{(await register(without_temporal))['id']}"

    deleted = await without_temporal.http.delete(path)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await without_temporal.http.get(path)).status_code == 404
    assert (await without_temporal.http.get(ENDPOINTS)).json()["data"] == []


async def test_what_is_somebody_elses_is_not_there(without_temporal: ApiUnderTest) -> None:
    ada, bell = await without_temporal.key_for("ada"), await without_temporal.key_for("bell")
    mine = await register(without_temporal, ada)
    everybodys = await register(without_temporal)
    await without_temporal.push(await without_temporal.job("ada"), JobStatus.FAILED)
    delivery_ids = {row["endpoint_id"]: row["id"] for row in await deliveries(without_temporal)}

    for endpoint in (mine, everybodys):
        one, hook = f"{ENDPOINTS}/{endpoint['id']}", f"/api/webhook-deliveries/{delivery_ids[endpoint['id']]}"
        answers = [
            await without_temporal.http.get(one, headers=bell),
            await without_temporal.http.patch(one, headers=bell, json={"enabled": False}),
            await without_temporal.http.delete(one, headers=bell),
            await without_temporal.http.post(f"{one}/rotate-secret", headers=bell),
            await without_temporal.http.post(f"{one}/test", headers=bell),
            await without_temporal.http.get(f"{one}/deliveries", headers=bell),
            await without_temporal.http.get(hook, headers=bell),
            await without_temporal.http.post(f"{hook}/replay", headers=bell),
        ]
        assert {answer.status_code for answer in answers} == {404}
    assert (await without_temporal.http.get(ENDPOINTS, headers=bell)).json()["data"] == []
    assert (await without_temporal.http.get("/api/webhook-deliveries", headers=bell)).json()["data"] == []
    assert mine["user_id"] == "ada"
    assert [e["id"] for e in (await without_temporal.http.get(ENDPOINTS, headers=ada)).json()["data"]] == [mine["id"]]


async def test_an_end_users_token_cannot_learn_secrets(without_temporal: ApiUnderTest) -> None:
    scopes = ["jobs:read", "jobs:write", "files:write"]
    made = await without_temporal.http.post("/api/tokens", json={"user_id": "ada", "scopes": scopes})
    token = {"Authorization": f"Bearer {made.json()['token']}"}
    writer = await without_temporal.key_for("ada", Scope.JOBS_READ, Scope.JOBS_WRITE)

    for headers in (token, writer):
        for path in (ENDPOINTS, "/api/webhook-secret", "/api/webhook-deliveries"):
            assert (await without_temporal.http.get(path, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("url", "message"),
    [("http://example.com", "https"), ("https://10.0.0.1/", "private"), ("https://a:b@example.com", "user name")],
)
async def test_a_url_that_nobody_may_call_is_refused_by_name(
    without_temporal: ApiUnderTest, url: str, message: str
) -> None:
    path = f"{ENDPOINTS}/{(await register(without_temporal))['id']}"

    made = problem_of(await without_temporal.http.post(ENDPOINTS, json={"url": url}))
    changed = problem_of(await without_temporal.http.patch(path, json={"url": url}))
    callback = problem_of(await without_temporal.submit("ada", callback_url=url))

    assert made[:2] == changed[:2] == (422, "/url")
    assert callback[:2] == (422, "/callback_url")
    assert made[2] == changed[2] == callback[2]
    assert message in made[2]


@pytest.mark.parametrize("body", [{"url": URL, "events": []}, {"url": URL, "events": ["job.eaten"]}, {"events": []}])
async def test_what_makes_no_endpoint_is_refused(without_temporal: ApiUnderTest, body: dict[str, Any]) -> None:
    assert (await without_temporal.http.post(ENDPOINTS, json=body)).status_code == 422


async def test_the_secret_of_callbacks_is_the_users_own(without_temporal: ApiUnderTest) -> None:
    ada = await without_temporal.key_for("ada")

    own = (await without_temporal.http.get("/api/webhook-secret", headers=ada)).json()
    by_service = (await without_temporal.http.get("/api/webhook-secret", headers={"Aijobs-User": "ada"})).json()
    rotated = (await without_temporal.http.post("/api/webhook-secret/rotate", headers=ada)).json()
    kept = (await without_temporal.http.get("/api/webhook-secret", headers=ada)).json()
    bells = (await without_temporal.http.get("/api/webhook-secret", headers={"Aijobs-User": "bell"})).json()

    assert own == by_service == {"user_id": "ada", "secret": own["secret"], "previous_secret_until": None}
    assert rotated == kept
    assert rotated["previous_secret_until"] is not None
    assert len({own["secret"], rotated["secret"], bells["secret"]}) == 3
    assert own["secret"] == secret_of(SECRET, SecretRef("user:ada", 1))


async def test_the_log_tells_how_each_delivery_went(without_temporal: ApiUnderTest) -> None:
    endpoint = await register(without_temporal, user_id="ada")
    code = await without_temporal.job("ada", callback_url=URL)
    await without_temporal.push(code, JobStatus.FAILED)
    [callback, hook] = await deliveries(without_temporal, job=code)
    outbox = DatabaseDeliveries(without_temporal.dependencies.database, disable_after=timedelta(days=5))

    await outbox.note_try(hook["id"], WebhookReply(status=503), next_try_at=None)

    [failed] = (await without_temporal.http.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries")).json()["data"]
    assert (callback["endpoint_id"], callback["url"], callback["state"]) == (None, URL, "pending")
    assert (failed["type"], failed["state"], failed["attempts"]) == ("job.failed", "failed", 1)
    assert (failed["response_status"], failed["error"], failed["next_try_at"]) == (503, "HTTP 503", None)
    assert [tried["status"] for tried in failed["tries"]] == [503]
    assert await deliveries(without_temporal, state="failed") == [failed]


async def test_a_delivery_is_replayed_under_its_old_id(without_temporal: ApiUnderTest) -> None:
    await register(without_temporal, user_id="ada")
    await without_temporal.push(await without_temporal.job("ada"), JobStatus.FAILED)
    [old] = await deliveries(without_temporal)

    answer = await without_temporal.http.post(f"/api/webhook-deliveries/{old['id']}/replay")

    new, replaced = await deliveries(without_temporal)
    assert answer.status_code == 202
    assert answer.json() == new
    assert (new["message_id"], new["replay_of"], new["state"]) == (old["message_id"], old["id"], "pending")
    assert replaced["state"] == "replaced"


async def test_all_that_has_failed_is_replayed_at_once(without_temporal: ApiUnderTest) -> None:
    api = without_temporal
    endpoint = await register(api, user_id="ada")
    await api.push(await api.job("ada"), JobStatus.FAILED)
    [old] = await deliveries(api)
    outbox = DatabaseDeliveries(api.dependencies.database, disable_after=timedelta(days=5))
    await outbox.note_try(old["id"], WebhookReply(status=503), next_try_at=None)
    body = {"since": old["create_time"], "endpoint_id": endpoint["id"]}

    refused = await api.http.post("/api/webhook-deliveries/replay", json={"since": "yesterday"})
    bells = await api.http.post("/api/webhook-deliveries/replay", json=body, headers=await api.key_for("bell"))
    first = await api.http.post("/api/webhook-deliveries/replay", json=body)
    again = await api.http.post("/api/webhook-deliveries/replay", json=body)

    assert problem_of(refused)[:2] == (422, "/since")
    assert bells.status_code == 404
    assert (first.status_code, first.json()) == (202, {"replayed": 1, "has_more": False})
    assert again.json() == {"replayed": 0, "has_more": False}
    new, kept = await deliveries(api)
    assert (new["replay_of"], new["state"], kept["state"]) == (old["id"], "pending", "failed")


async def test_a_test_message_is_a_delivery_without_a_job(without_temporal: ApiUnderTest) -> None:
    endpoint = await register(without_temporal)

    answer = await without_temporal.http.post(f"{ENDPOINTS}/{endpoint['id']}/test")

    delivery = answer.json()
    assert (answer.status_code, delivery["type"], delivery["job_code"]) == (202, "endpoint.test", None)
    assert (await without_temporal.http.get(f"/api/webhook-deliveries/{delivery['id']}")).json() == delivery


async def test_the_log_comes_in_pages(without_temporal: ApiUnderTest) -> None:
    endpoint = await register(without_temporal)
    sent = [(await without_temporal.http.post(f"{ENDPOINTS}/{endpoint['id']}/test")).json()["id"] for _ in range(3)]

    first = (await without_temporal.http.get("/api/webhook-deliveries", params={"limit": 2})).json()
    second = (
        await without_temporal.http.get("/api/webhook-deliveries", params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    strange = await without_temporal.http.get("/api/webhook-deliveries", params={"cursor": "hook_nobody"})

    assert [row["id"] for row in first["data"] + second["data"]] == sent[::-1]
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    assert strange.status_code == 422
