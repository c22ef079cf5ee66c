"""Every fault of a call or of a prediction has the documented effect."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from sandbox.server import RunningSandbox
from tests.sandbox.customer import RawReplicateClient


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("reject_401", 401),
        ("reject_402", 402),
        ("reject_404", 404),
        ("reject_422", 422),
        ("throttled", 429),
        ("throttled_silently", 429),
        ("server_error", 500),
        ("server_error=503", 503),
        ("outage", 503),
    ],
)
async def test_a_refused_create_leaves_no_trace(
    customer: RawReplicateClient, sandbox: RunningSandbox, fault: str, status: int
) -> None:
    reply = await customer.post(fault=fault)

    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert sandbox.ledger() == []
    assert await customer.listed() == []


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_create_is_accepted_although_the_answer_is_an_error(
    customer: RawReplicateClient, sandbox: RunningSandbox, status: int
) -> None:
    reply = await customer.post(fault=f"accept_then_error={status}")

    assert reply.status_code == status
    assert await customer.listed() == [row.id for row in sandbox.ledger()] != []


async def test_a_create_is_accepted_although_the_connection_drops(
    customer: RawReplicateClient, sandbox: RunningSandbox
) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        await customer.post(fault="accept_then_drop")

    assert len(sandbox.ledger()) == 1


async def test_the_connection_drops_before_anything_is_accepted(
    customer: RawReplicateClient, sandbox: RunningSandbox
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await customer.post(fault="drop_before_accept")

    assert sandbox.ledger() == []


async def test_a_throttled_call_is_told_how_long_to_wait(customer: RawReplicateClient) -> None:
    throttled = await customer.post(fault="throttled=7")
    untold = await customer.post(fault="throttled_silently")

    assert (throttled.headers["retry-after"], throttled.json()["retry_after"]) == ("7", 7)
    assert "retry-after" not in untold.headers
    assert "retry_after" not in untold.json()


async def test_an_accepted_create_is_answered_with_json_that_is_cut_off(
    customer: RawReplicateClient, sandbox: RunningSandbox
) -> None:
    reply = await customer.post(fault="unreadable_json")

    assert reply.status_code == 201
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        reply.json()
    assert len(sandbox.ledger()) == 1


async def test_an_accepted_create_is_answered_without_an_id(
    customer: RawReplicateClient, sandbox: RunningSandbox
) -> None:
    assert "id" not in (await customer.post(fault="no_id")).json()
    assert len(sandbox.ledger()) == 1


async def test_a_hanging_call_is_accepted_at_once_and_answered_late(
    customer: RawReplicateClient, sandbox: RunningSandbox
) -> None:
    began = time.monotonic()
    hanging = asyncio.create_task(customer.post(fault="hang=0.4"))
    await asyncio.sleep(0.2)
    accepted = len(sandbox.ledger())
    await hanging

    assert accepted == 1
    assert time.monotonic() - began >= 0.4


async def test_an_outage_lasts_until_it_is_cleared(customer: RawReplicateClient, http: httpx.AsyncClient) -> None:
    await http.post("/_sandbox/faults", json={"fault": "outage"})
    during = [(await customer.post()).status_code, (await http.get("/v1/account")).status_code]
    await http.delete("/_sandbox/faults")

    assert during == [503, 503]
    assert (await customer.post()).status_code == 201


@pytest.mark.parametrize(
    ("fault", "key", "value"),
    [
        ("failed=no lighthouse", "error", "no lighthouse"),
        ("failed", "status", "failed"),
        ("aborted", "status", "aborted"),
        ("renamed_model=replicate/lifeboat-70b", "model", "replicate/lifeboat-70b"),
        ("zero_outputs", "output", None),
        ("output_as=empty_list", "output", []),
        ("output_as=text", "output", "a lighthouse at dusk"),
        ("output_at", "output", "http://169.254.169.254/latest/meta-data/"),
        ("output_at=http://10.0.0.1/x.png", "output", "http://10.0.0.1/x.png"),
        ("output_erased", "data_removed", True),
    ],
)
async def test_a_prediction_ends_as_it_was_told(customer: RawReplicateClient, fault: str, key: str, value: Any) -> None:
    prediction = await customer.finished(fault=fault)

    assert prediction[key] == value


async def test_the_output_takes_other_shapes(customer: RawReplicateClient) -> None:
    as_list = await customer.finished(fault="output_as=list")
    as_object = await customer.finished(fault="output_as=object")
    as_string = await customer.finished(fault="output_as=string")

    assert as_list["output"][0].endswith("output.jpg")
    assert as_object["output"]["image"].endswith("output.jpg")
    assert as_string["output"].endswith("output.jpg")


async def test_an_aborted_prediction_never_started_and_is_free(
    customer: RawReplicateClient, sandbox: RunningSandbox
) -> None:
    prediction = await customer.finished(fault="aborted")

    assert "started_at" not in prediction
    assert prediction["deadline"] <= prediction["completed_at"]
    assert [row.charge for row in sandbox.ledger()] == ["free"]


async def test_an_unknown_status_word_is_said_until_the_end(customer: RawReplicateClient) -> None:
    prediction = await customer.create(fault="unknown_status=levitating,work_seconds=0.3")

    assert (await customer.until(prediction["id"], "levitating"))["id"] == prediction["id"]
    assert (await customer.until(prediction["id"]))["status"] == "succeeded"


async def test_a_single_get_says_an_unknown_word(customer: RawReplicateClient) -> None:
    prediction = await customer.create(fault="never_starts")

    assert (await customer.get(prediction["id"], fault="unknown_status=levitating"))["status"] == "levitating"
    assert (await customer.get(prediction["id"]))["status"] == "starting"


async def test_optional_keys_are_missing(customer: RawReplicateClient) -> None:
    prediction = await customer.finished(fault="missing_keys")

    assert set(prediction) == {"id", "model", "version", "input", "output", "error", "status", "created_at", "urls"}
    assert "web" not in prediction["urls"]


async def test_the_output_is_there_while_the_status_is_still_processing(customer: RawReplicateClient) -> None:
    prediction = await customer.create(fault="processing_with_output=0.5")

    while not prediction.get("output"):
        prediction = await customer.get(prediction["id"])

    assert prediction["status"] == "processing"
    assert prediction["output"].endswith("output.jpg")


async def test_a_prediction_that_never_starts_or_finishes_can_be_canceled(customer: RawReplicateClient) -> None:
    waiting = await customer.create(fault="never_starts")
    working = await customer.create(fault="never_finishes")
    await customer.until(working["id"], "processing")

    ends = [(await customer.cancel(one["id"])).json()["status"] for one in (waiting, working)]

    assert ends == ["canceled", "canceled"]


async def test_a_prediction_takes_its_own_time(customer: RawReplicateClient) -> None:
    prediction = await customer.finished(fault="queue_seconds=0.2,work_seconds=0.4")

    assert prediction["metrics"]["predict_time"] >= 0.4
    assert prediction["metrics"]["total_time"] >= 0.6


@pytest.mark.parametrize("status", [409, 500])
async def test_a_cancel_is_refused_once(customer: RawReplicateClient, status: int) -> None:
    prediction = await customer.create(fault=f"never_finishes,cancel_refused={status}")

    replies = [(await customer.cancel(prediction["id"])).status_code for _ in range(2)]

    assert replies == [status, 200]


async def test_a_cancel_is_ignored(customer: RawReplicateClient) -> None:
    prediction = await customer.create(fault="cancel_ignored")

    reply = await customer.cancel(prediction["id"])

    assert reply.json()["status"] in ("starting", "processing")
    assert (await customer.until(prediction["id"]))["status"] == "succeeded"


async def test_lists_lag_behind_creation(customer: RawReplicateClient) -> None:
    prediction = await customer.create(fault="list_lag=0.3")
    early = await customer.listed()
    await asyncio.sleep(0.35)

    assert early == []
    assert await customer.listed() == [prediction["id"]]


async def test_a_single_list_misses_what_is_young(customer: RawReplicateClient, sandbox: RunningSandbox) -> None:
    prediction = await customer.create()
    sandbox.misbehave("list_lag", on="list")

    assert [await customer.listed(), await customer.listed()] == [[], [prediction["id"]]]
