"""Downloads of outputs, without and with every fault."""

import time

import httpx
import pytest

from sandbox.server import RunningSandbox
from tests.sandbox.caller import size_of
from tests.sandbox.customer import RawReplicateClient


@pytest.fixture
async def link(customer: RawReplicateClient) -> str:
    return str((await customer.finished(output_format="png"))["output"])


def fault_header(fault: str) -> dict[str, str]:
    return {"X-Sandbox-Fault": fault}


async def test_a_download_states_its_length_and_type(http: httpx.AsyncClient, link: str) -> None:
    reply = await http.get(link)

    assert reply.headers["content-type"] == "image/png"
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert size_of(reply.content) == (40, 30)


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_an_expired_link(http: httpx.AsyncClient, link: str, status: int) -> None:
    assert (await http.get(link, headers=fault_header(f"expired_link={status}"))).status_code == status


async def test_a_body_shorter_than_promised(http: httpx.AsyncClient, link: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        await http.get(link, headers=fault_header("truncated_body"))


async def test_a_promise_of_ten_terabytes(http: httpx.AsyncClient, link: str) -> None:
    async with http.stream("GET", link, headers=fault_header("length_lie")) as reply:
        assert int(reply.headers["content-length"]) > 10**13
        with pytest.raises(httpx.RemoteProtocolError):
            await reply.aread()


async def test_a_body_without_an_end(http: httpx.AsyncClient, link: str) -> None:
    received = 0
    async with http.stream("GET", link, headers=fault_header("endless_body")) as reply:
        assert "content-length" not in reply.headers
        async for piece in reply.aiter_bytes():
            received += len(piece)
            if received > 200_000:
                break

    assert received > 200_000


async def test_a_slow_body_is_complete_in_the_end(http: httpx.AsyncClient, link: str) -> None:
    began = time.monotonic()
    reply = await http.get(link, headers=fault_header("slow_body=0.02"))

    assert size_of(reply.content) == (40, 30)
    assert time.monotonic() - began >= 0.3


async def test_a_page_instead_of_the_picture(http: httpx.AsyncClient, link: str) -> None:
    reply = await http.get(link, headers=fault_header("wrong_content"))

    assert reply.headers["content-type"].startswith("text/html")
    assert reply.content.startswith(b"<!doctype html>")


async def test_a_redirect_to_a_private_address(http: httpx.AsyncClient, link: str) -> None:
    reply = await http.get(link, headers=fault_header("redirect_private"))

    assert reply.status_code == 302
    assert reply.headers["location"].startswith("http://169.254.169.254/")


async def test_a_riding_fault_spoils_the_first_download_only(
    customer: RawReplicateClient, http: httpx.AsyncClient
) -> None:
    prediction = await customer.finished(fault="expired_link=403")

    assert [(await http.get(prediction["output"])).status_code for _ in range(2)] == [403, 200]


async def test_a_riding_fault_may_spoil_every_download(customer: RawReplicateClient, http: httpx.AsyncClient) -> None:
    prediction = await customer.finished(fault="expired_link=410*0")

    assert [(await http.get(prediction["output"])).status_code for _ in range(3)] == [410, 410, 410]


async def test_a_standing_fault_drops_the_next_download(
    http: httpx.AsyncClient, sandbox: RunningSandbox, link: str
) -> None:
    sandbox.misbehave("accept_then_drop", on="delivery")

    with pytest.raises(httpx.RemoteProtocolError):
        await http.get(link)
    assert (await http.get(link)).status_code == 200
