"""No parameter of any route takes what it does not mean: too large, negative, padded, repeated or empty."""

import asyncio
from urllib.parse import unquote_to_bytes

import pytest
from starlette.status import WS_1008_POLICY_VIOLATION
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest
from tests.api.parameters import Parameter, all_parameters
from tests.api.streaming import socket
from tests.patience import PATIENCE

#: Escaped, as they are in an address. None is a number as our lists write one.
NO_NUMBERS = (
    "99999999999999999999",
    "9223372036854775808",
    "-9223372036854775809",
    "9" * 5000,
    "%2B1",
    "%201",
    "1%20",
    "1_0",
    "1.0",
    "1e3",
    "0x1",
    "00",
    "-0",
    "",
    "%20",
    "%00",
    "%D9%A3",
    "%ED%A0%80",
    "nan",
    "true",
)
NO_MOMENTS = (
    *NO_NUMBERS,
    "1700000000",
    "1",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z",
)
TEXTS = (*NO_NUMBERS, "latest", "-1", "0001-01-01T00:00:00Z", "%FF", "%0A", "%25")
PARAMETERS = list({str(one): one for one in all_parameters()}.values())


def test_parameters_are_found_in_every_place() -> None:
    found = set(map(str, PARAMETERS))

    assert {
        "GET /api/events query after",
        "GET /api/jobs query limit",
        "GET /api/jobs/{code}/outputs/{index} path index",
        "GET /api/store/{key:path} query expires",
        "GET /jobs query before",
        "GET /money query cursor",
        "GET /api/jobs header Aijobs-User",
        "GET /api/jobs/{code}/events header last-event-id",
    } <= found


async def answer_of(api: ApiUnderTest, parameter: Parameter, value: str, *, times: int = 1) -> tuple[int, str]:
    """The status, and the text unless it is a stream. `value` is escaped."""
    headers = [(b"Aijobs-User", b"ada")] if parameter.name != "Aijobs-User" else []
    if parameter.place == "header":
        headers += [(parameter.name.encode(), unquote_to_bytes(value))] * times
    address = parameter.address(value, times=times)
    async with asyncio.timeout(PATIENCE), api.http.stream(parameter.method, address, headers=headers) as answer:
        is_stream = answer.headers.get("Content-Type", "").startswith("text/event-stream")
        return answer.status_code, "" if is_stream else (await answer.aread()).decode(errors="replace")


@pytest.mark.parametrize("parameter", PARAMETERS, ids=str)
async def test_nothing_sent_in_a_parameter_is_an_error_of_ours(shared_api: ApiUnderTest, parameter: Parameter) -> None:
    for value in TEXTS:
        sent = unquote_to_bytes(value)
        if parameter.place == "header" and (b"\0" in sent or b"\n" in sent or sent.strip() != sent):
            continue  # no HTTP client sends it; see test_slow_clients for raw headers
        status, text = await answer_of(shared_api, parameter, value)
        assert status < 500, (value, text[:300])


@pytest.mark.parametrize("parameter", [one for one in PARAMETERS if one.is_number and not one.is_list], ids=str)
async def test_only_a_number_is_a_number(shared_api: ApiUnderTest, parameter: Parameter) -> None:
    for value in NO_NUMBERS:
        status, text = await answer_of(shared_api, parameter, value)
        assert status == (404 if parameter.place == "path" else 422), (value, text[:300])


@pytest.mark.parametrize("parameter", [one for one in PARAMETERS if one.is_moment or one.is_day], ids=str)
async def test_only_a_moment_is_a_moment(shared_api: ApiUnderTest, parameter: Parameter) -> None:
    for value in NO_MOMENTS:
        status, text = await answer_of(shared_api, parameter, value)
        assert status == 422 or (parameter.is_day and value == ""), (value, text[:300])


async def test_a_query_of_thousands_of_names_is_refused_as_any_other(shared_api: ApiUnderTest) -> None:
    names = [f"{number:x}" for number in range(8_000)]

    answer = await shared_api.http.get("/api/jobs?" + "&".join([*names, "metadata[a]", "metadata[a]"])[-31_000:])

    assert (answer.status_code, len(answer.json()["errors"])) == (422, 20)
    assert answer.json()["errors_total"] > 6_000


@pytest.mark.parametrize("path", ["/api/events", "/api/jobs/{code}/events"])
async def test_after_is_a_number(shared_api: ApiUnderTest, path: str) -> None:
    address = path.format(code=await shared_api.job("ada"))
    for value in (*NO_NUMBERS, "latest", "-1"):
        if value != "00":
            answer = await shared_api.http.get(f"{address}?after={value}")
            assert answer.status_code == 422, value
            assert answer.json()["errors"][0]["pointer"] == "/query/after"


@pytest.mark.parametrize("parameter", [one for one in PARAMETERS if not one.is_list and one.place == "query"], ids=str)
async def test_a_parameter_that_is_no_list_is_sent_once(shared_api: ApiUnderTest, parameter: Parameter) -> None:
    status, text = await answer_of(shared_api, parameter, "1", times=2)

    assert status == 422, text[:300]


@pytest.mark.parametrize(
    "parameter",
    [one for one in PARAMETERS if one.place == "header" and one.name.lower() != "accept"],
    ids=str,
)
async def test_a_header_that_is_no_list_is_sent_once(shared_api: ApiUnderTest, parameter: Parameter) -> None:
    status, text = await answer_of(shared_api, parameter, "ada", times=2)

    assert status == 422, text[:300]


@pytest.mark.parametrize("parameter", [one for one in PARAMETERS if one.place == "query"], ids=str)
async def test_nul_is_in_no_parameter_of_any_route(shared_api: ApiUnderTest, parameter: Parameter) -> None:
    status, text = await answer_of(shared_api, parameter, "a%00")

    assert status == 422, text[:300]


async def test_an_output_has_a_number_that_a_database_takes(shared_api: ApiUnderTest) -> None:
    code = await shared_api.job("ada")
    for value in (*NO_NUMBERS, "-1", "9223372036854775807"):
        for path in (f"/api/jobs/{code}/outputs/{value}", f"/jobs/{code}/thumbnail/{value}"):
            assert (await shared_api.http.get(path)).status_code == 404, path


@pytest.mark.parametrize("status", ["%201", "%2B1", "01", "-0", "%D9%A1", "1.0", "10"])
async def test_a_status_is_named_as_it_is_written(shared_api: ApiUnderTest, status: str) -> None:
    for address in (f"/api/jobs?status={status}", f"/api/events?job_status={status}", f"/jobs?status={status}"):
        assert (await shared_api.http.get(address)).status_code == 422, address


@pytest.mark.parametrize("value", [one for one in (*NO_NUMBERS, "-1", "latest") if one != "00"])
async def test_a_websocket_starts_after_a_number(shared_api: ApiUnderTest, value: str) -> None:
    with pytest.raises(InvalidStatus, match="422"):
        async with socket(shared_api, f"?after={value}"):
            pass


@pytest.mark.parametrize("value", ["-1", "9223372036854775808", '"-1"', '" 1"', '""', '"9223372036854775808"', "true"])
async def test_and_so_does_its_first_message(shared_api: ApiUnderTest, value: str) -> None:
    async with socket(shared_api) as connection:
        await connection.send(f'{{"after": {value}}}')
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == WS_1008_POLICY_VIOLATION


@pytest.mark.parametrize("query", ["?after=1&after=2", "?ticket=a&ticket=b"])
async def test_a_websocket_takes_each_parameter_once(shared_api: ApiUnderTest, query: str) -> None:
    headers: dict[str, str] | None = {} if "ticket" in query else None
    with pytest.raises(InvalidStatus, match="422"):
        async with socket(shared_api, query, headers=headers):
            pass


@pytest.mark.parametrize("sent", [["Bearer"], ["Bearer a", "Bearer b"], ["", "Bearer a"]])
async def test_a_key_is_sent_once_and_is_not_empty(shared_api: ApiUnderTest, sent: list[str]) -> None:
    session = await shared_api.http.post("/api/sessions", json={"key": shared_api.http.headers["Authorization"][7:]})
    cookie = session.headers["Set-Cookie"].partition(";")[0]
    shared_api.http.cookies.clear()
    headers = [("Cookie", cookie), *(("Authorization", one) for one in sent)]
    request = shared_api.http.build_request("GET", "/api/points", headers=headers)

    assert (await shared_api.http.send(request)).status_code == 401


async def test_a_job_may_still_be_handed_in(shared_api: ApiUnderTest) -> None:
    body = {"model_id": UPSCALE, "params": {"image": PHOTO_URL}}
    headers = {"Aijobs-User": "ada", "Idempotency-Key": "once", "Accept": "application/json, */*"}

    assert (await shared_api.http.post("/api/jobs", json=body, headers=headers)).status_code == 202
