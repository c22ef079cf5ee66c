"""The outcome of a paid request for every network failure, and the failures of free ones that may be retried."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from aijobs.adapters.network.http_client import (
    MAX_BODY,
    MAX_RETRY_AFTER,
    HttpClient,
    HttpReply,
    NoReply,
    NotSent,
    retry_after,
)
from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.values.sandbox_faults import faults_asked

VendorThat = Callable[..., Awaitable[Any]]
KEY = {"Authorization": "Bearer r8_a_key_that_must_stay_secret"}


async def paid(http: HttpClient, url: str, headers: dict[str, str] = KEY) -> HttpReply | NotSent | NoReply:
    return await http.send_once("POST", url, headers=headers, body={"input": {}})


async def test_an_answer_is_handed_over_whole(http: HttpClient, vendor_that: VendorThat, server: Any) -> None:
    vendor = await vendor_that(server.answers(201, {"id": "p1"}, Ratelimit_Reset="1"))

    reply = await paid(http, vendor.url)

    assert isinstance(reply, HttpReply)
    assert (reply.status, reply.document(), reply.headers["ratelimit-reset"]) == (201, {"id": "p1"}, "1")
    assert vendor.received[0].document == {"input": {}}
    assert vendor.received[0].headers["authorization"] == KEY["Authorization"]


async def test_what_a_job_asks_of_the_sandbox_goes_to_the_sandbox_alone(
    http: HttpClient, vendor_that: VendorThat, server: Any
) -> None:
    sandbox, vendor = await vendor_that(server.answers(201, {})), await vendor_that(server.answers(201, {}))

    with faults_asked(f"{sandbox.url}/", {"sandbox": "failed=no luck"}):
        await paid(http, f"{sandbox.url}/v1/predictions")
        await paid(http, vendor.url)
        await http.call("GET", sandbox.url, headers={})
    await paid(http, sandbox.url)
    with faults_asked(sandbox.url, {"sandbox": "failed=\r\nX-Forged: 1"}):
        await paid(http, sandbox.url)
    with faults_asked(None, {"sandbox": "failed"}):
        await paid(http, sandbox.url)

    asked = [request.headers.get("x-sandbox-fault") for request in sandbox.received]
    assert asked == ["failed=no luck", None, None, None, None]
    assert "x-sandbox-fault" not in vendor.received[0].headers


async def test_nothing_is_sent_where_nobody_listens(http: HttpClient, refused_url: str) -> None:
    assert isinstance(await paid(http, refused_url), NotSent)


async def test_nothing_is_sent_to_a_name_that_does_not_exist(http: HttpClient) -> None:
    assert isinstance(await paid(http, "http://no-such-host.invalid"), NotSent)


async def test_nothing_is_sent_when_the_tls_handshake_fails(
    http: HttpClient, vendor_that: VendorThat, server: Any
) -> None:
    vendor = await vendor_that(server.drops_at_once)

    assert isinstance(await paid(http, vendor.url.replace("http:", "https:")), NotSent)


async def test_nothing_is_sent_when_connecting_takes_too_long(
    http: HttpClient, vendor_that: VendorThat, server: Any
) -> None:
    vendor = await vendor_that(server.never_shakes_hands)

    assert isinstance(await paid(http, vendor.url.replace("http:", "https:")), NotSent)


@pytest.mark.parametrize(
    "url", ["ftp://example.com", "nonsense", "http://", "http://a b", "http://" + "a" * 64 + ".example"]
)
async def test_nothing_is_sent_to_an_address_that_is_none(http: HttpClient, url: str) -> None:
    assert isinstance(await paid(http, url), NotSent)


@pytest.mark.parametrize("key", ["r8_secret\nInjected: yes", "r8_sécret"])
async def test_a_key_that_cannot_be_a_header_sends_nothing_and_is_not_shown(
    http: HttpClient, vendor_that: VendorThat, server: Any, key: str
) -> None:
    vendor = await vendor_that(server.answers(201))

    outcome = await paid(http, vendor.url, {"Authorization": f"Bearer {key}"})

    assert isinstance(outcome, NotSent)
    assert "r8" not in outcome.reason
    assert vendor.received == []


@pytest.mark.parametrize("failing", ["drops_at_once", "drops_after_hearing", "resets", "hangs", "trickles"])
async def test_a_connection_that_fails_after_it_was_made_leaves_it_open_and_is_used_once(
    http: HttpClient, vendor_that: VendorThat, server: Any, failing: str
) -> None:
    vendor = await vendor_that(getattr(server, failing))

    assert isinstance(await paid(http, vendor.url), NoReply)
    assert vendor.connections == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Le",
        b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"id": "p1"',
        b'HTTP/1.1 201 Created\r\nContent-Length: 11\r\nContent-Encoding: gzip\r\n\r\n{"id":"p1"}',
    ],
    ids=["nothing", "another protocol", "half a header", "half a body", "unreadable encoding"],
)
async def test_an_answer_that_cannot_be_read_leaves_it_open(
    http: HttpClient, vendor_that: VendorThat, server: Any, raw: bytes
) -> None:
    vendor = await vendor_that(server.says(raw))

    assert isinstance(await paid(http, vendor.url), NoReply)
    assert vendor.connections == 1


async def test_an_answer_is_read_up_to_its_bound(http: HttpClient, vendor_that: VendorThat, server: Any) -> None:
    vendor = await vendor_that(server.answers(201, b" " * (MAX_BODY + 1)))

    assert isinstance(await paid(http, vendor.url), NoReply)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_paid_request_follows_no_redirect(
    http: HttpClient, vendor_that: VendorThat, server: Any, status: int
) -> None:
    elsewhere = await vendor_that(server.answers(201, {"id": "p1"}))
    vendor = await vendor_that(server.answers(status, Location=elsewhere.url))

    reply = await paid(http, vendor.url)

    assert isinstance(reply, HttpReply)
    assert reply.status == status
    assert elsewhere.connections == 0


async def test_every_paid_request_has_a_connection_of_its_own(
    http: HttpClient, vendor_that: VendorThat, server: Any
) -> None:
    """Otherwise a kept-alive connection that was just closed would make the outcome unknown."""
    vendor = await vendor_that(server.says(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"))

    outcomes = [await paid(http, vendor.url) for _ in range(3)]

    assert all(isinstance(outcome, HttpReply) for outcome in outcomes)
    assert vendor.connections == 3


async def test_cancelling_our_own_task_is_no_outcome(http: HttpClient, vendor_that: VendorThat, server: Any) -> None:
    vendor = await vendor_that(server.hangs)
    sending = asyncio.create_task(paid(http, vendor.url))
    await vendor.has_received.wait()

    sending.cancel()

    with pytest.raises(asyncio.CancelledError):
        await sending


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_free_call_that_may_fare_better_later_says_so(
    http: HttpClient, vendor_that: VendorThat, server: Any, status: int
) -> None:
    vendor = await vendor_that(server.answers(status, Retry_After="7"))

    with pytest.raises(ProviderUnavailable) as unavailable:
        await http.call("GET", vendor.url, headers=KEY)

    assert unavailable.value.retry_after == timedelta(seconds=7)
    assert vendor.connections == 1


@pytest.mark.parametrize("failing", ["drops_at_once", "drops_after_hearing", "resets", "hangs", "trickles"])
async def test_a_free_call_without_an_answer_is_worth_another_try(
    http: HttpClient, vendor_that: VendorThat, server: Any, failing: str
) -> None:
    vendor = await vendor_that(getattr(server, failing))

    with pytest.raises(ProviderUnavailable):
        await http.call("GET", vendor.url, headers=KEY)


async def test_a_free_call_does_not_show_a_key_that_cannot_be_a_header(http: HttpClient, refused_url: str) -> None:
    with pytest.raises(ProviderUnavailable) as unavailable:
        await http.call("GET", refused_url, headers={"Authorization": "Bearer r8_secret\n"})

    assert "r8_secret" not in str(unavailable.value)
    assert unavailable.value.__cause__ is None


async def test_a_client_error_of_a_free_call_is_an_answer(
    http: HttpClient, vendor_that: VendorThat, server: Any
) -> None:
    vendor = await vendor_that(server.answers(404, {"detail": "not here"}))

    assert (await http.call("GET", vendor.url, headers=KEY)).status == 404


def in_seconds(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "3", "ratelimit-reset": "9"}, 3),
        ({"ratelimit-reset": "9"}, 9),
        ({"retry-after": "999999999"}, MAX_RETRY_AFTER.total_seconds()),
        ({"retry-after": "9" * 400}, MAX_RETRY_AFTER.total_seconds()),
        ({"retry-after": "Wed, 21 Oct 9999 07:28:00 GMT"}, MAX_RETRY_AFTER.total_seconds()),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 99999999999999999999 00:00:00 GMT"}, None),
    ],
)
def test_the_wait_that_a_provider_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    wait = retry_after(headers)

    assert (wait and wait.total_seconds()) == seconds


def test_the_wait_may_be_given_as_a_date() -> None:
    wait = retry_after({"retry-after": in_seconds(30)})

    assert wait is not None
    assert 28 <= wait.total_seconds() <= 30
