"""The ledger has every accepted create, and its charge."""

import httpx

from sandbox.server import RunningSandbox
from tests.sandbox.caller import SandboxCaller
from tests.sandbox.conftest import FAST
from tests.sandbox.customer import RawReplicateClient


async def test_a_row_tells_what_was_bought_and_how_it_ended(
    customer: RawReplicateClient, http: httpx.AsyncClient
) -> None:
    prediction = await customer.finished(image=f"{customer.photo}?a=attempt-1")

    [row] = (await http.get("/_sandbox/ledger")).json()["data"]

    assert row["id"] == prediction["id"]
    assert (row["vendor"], row["model"]) == ("replicate", "topazlabs/image-upscale")
    assert (row["correlation"], row["outcome"], row["charge"]) == ("attempt-1", "succeeded", "charged")
    assert row["created_at"] == prediction["created_at"]


async def test_paying_twice_for_one_attempt_shows(customer: RawReplicateClient, http: httpx.AsyncClient) -> None:
    for _ in range(2):
        await customer.create(image=f"{customer.photo}?a=attempt-1")
    await customer.create(image=f"{customer.photo}?a=attempt-2")

    ledger = (await http.get("/_sandbox/ledger", params={"correlation": "attempt-1"})).json()

    assert ledger["submits"] == {"attempt-1": 2, "attempt-2": 1}
    assert len({row["input_sha256"] for row in ledger["data"]}) == 1
    assert len(ledger["data"]) == 2


async def test_the_token_may_be_in_the_webhook(
    customer: RawReplicateClient, caller: SandboxCaller, sandbox: RunningSandbox
) -> None:
    await customer.create(body={"webhook": f"{caller.hook}?t=from-query"})
    await customer.create(body={"webhook": f"{caller.url}/hooks/from-path"})
    await customer.create()

    assert [row.correlation for row in sandbox.ledger()] == ["from-query", "from-path", None]


async def test_failures_are_charged_for_their_time_only(customer: RawReplicateClient, sandbox: RunningSandbox) -> None:
    await customer.finished(fault="failed")
    waiting = await customer.create(fault="never_starts")
    await customer.cancel(waiting["id"])
    await customer.create(fault="never_finishes")

    assert [row.charge for row in sandbox.ledger()] == ["time_only", "free", "pending"]


async def test_a_reset_forgets_everything(customer: RawReplicateClient, http: httpx.AsyncClient) -> None:
    await customer.create(fault="never_finishes")
    await http.post("/_sandbox/faults", json={"fault": "outage"})
    await http.post("/_sandbox/pace", json={"queue_seconds": 9})

    assert (await http.post("/_sandbox/reset")).status_code == 204

    assert (await http.get("/_sandbox/ledger")).json() == {"data": [], "submits": {}}
    assert (await http.get("/_sandbox/faults")).json() == {"data": []}
    assert (await http.get("/_sandbox/health")).json()["pace"] == FAST.model_dump()
    assert await customer.listed() == []


async def test_the_pace_can_be_changed(customer: RawReplicateClient, http: httpx.AsyncClient) -> None:
    assert (await http.post("/_sandbox/pace", json={"work_seconds": 0.3})).json()["queue_seconds"] == FAST.queue_seconds

    assert (await customer.finished())["metrics"]["predict_time"] >= 0.3
