"""Faults are armed on one call, on one prediction or for the next call of any client; unknown faults are refused."""

import httpx
import pytest

from sandbox.faults.catalogue import CATALOGUE, Fault
from sandbox.server import RunningSandbox
from tests.sandbox.customer import RawReplicateClient


async def test_a_fault_rides_along_in_the_image_url(customer: RawReplicateClient, sandbox: RunningSandbox) -> None:
    failed = await customer.finished(image=f"{customer.photo}?sandbox_fault=failed=out%20of%20film")
    with pytest.raises(httpx.RemoteProtocolError):
        await customer.post(image=f"{customer.photo}?sandbox_fault=accept_then_drop")

    assert failed["error"] == "out of film"
    assert len(sandbox.ledger()) == 2


async def test_a_fault_rides_along_in_the_name_of_an_uploaded_file(
    customer: RawReplicateClient, http: httpx.AsyncClient
) -> None:
    files = {"content": ("cat sandbox_fault=output_as=list sandbox_fault=work_seconds=0.2.png", b"not a picture")}
    uploaded = (await http.post("/v1/files", files=files)).json()

    prediction = await customer.create(image=uploaded["urls"]["get"])
    failed = await customer.finished(image=uploaded["urls"]["download"], fault="failed")

    assert (await customer.until(prediction["id"]))["error"].startswith("cannot identify image file")
    assert failed["status"] == "failed"


async def test_a_riding_fault_may_wait_for_another_operation(
    customer: RawReplicateClient, http: httpx.AsyncClient
) -> None:
    prediction = await customer.create(fault="server_error=502@get*2")

    statuses = [(await http.get(prediction["urls"]["get"])).status_code for _ in range(3)]

    assert statuses == [502, 502, 200]


async def test_a_standing_fault_strikes_as_often_as_it_was_told(
    customer: RawReplicateClient, http: httpx.AsyncClient
) -> None:
    order = {"fault": "server_error", "arg": 503, "times": 2, "on": "create"}
    assert (await http.post("/_sandbox/faults", json=order)).status_code == 201
    assert (await http.get("/_sandbox/faults")).json()["data"][0]["times"] == 2

    assert [(await customer.post()).status_code for _ in range(3)] == [503, 503, 201]


async def test_a_standing_fault_of_a_life_strikes_the_next_prediction(
    customer: RawReplicateClient, sandbox: RunningSandbox
) -> None:
    sandbox.misbehave("failed", arg="bad luck")

    ends = [(await customer.finished())["status"] for _ in range(2)]

    assert ends == ["failed", "succeeded"]


@pytest.mark.parametrize(
    "wrong", ["explode", "failed@delivery", "hang=soon", "no_id=5", "output_as=cube", "failed@moon"]
)
async def test_a_fault_that_cannot_be_is_named_in_a_400(
    customer: RawReplicateClient, sandbox: RunningSandbox, wrong: str
) -> None:
    reply = await customer.post(fault=wrong)
    riding = await customer.post(image=f"{customer.photo}?sandbox_fault={wrong}")

    assert (reply.status_code, riding.status_code) == (400, 400)
    assert any(word in reply.json()["detail"] for word in wrong.replace("@", "=").split("="))
    assert sandbox.ledger() == []


async def test_an_unknown_standing_fault_is_named_in_a_400(http: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    reply = await http.post("/_sandbox/faults", json={"fault": "explode"})

    assert reply.status_code == 400
    assert "'explode'" in reply.json()["detail"]


async def test_the_catalogue_describes_every_fault(http: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    catalogue = (await http.get("/_sandbox/faults/catalogue")).json()["data"]

    assert {line["fault"] for line in catalogue} == set(Fault) == set(CATALOGUE)
    assert all(line["about"] and line["acts_on"] for line in catalogue)
