"""An API process says that it is about to stop before it stops listening, so that a proxy loses no request to it."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import httpx

from aijobs.process_settings import ApiSettings
from cli.embedded.ports import free_port
from cli.errors import Exit
from tests.cli.command import running

NOTICE = 5.0
TIMEOUT = 60.0


async def until_up(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(TIMEOUT):
        while True:
            try:
                if (await http.get("/healthz")).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)


async def stopping(http: httpx.AsyncClient) -> httpx.Response:
    """The first health check that says so."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            answer = await http.get("/healthz")
            if not answer.is_success:
                return answer


async def test_everything_is_answered_until_proxies_had_time_to_look_away(tmp_path: Path) -> None:
    port = free_port()
    settings = {"AIJOBS_API__PORT": str(port), "AIJOBS_API__SHUTDOWN_NOTICE": f"{NOTICE:g}s"}
    async with (
        running("api", folder=tmp_path, **settings) as api,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT, trust_env=False) as http,
    ):
        await until_up(http)
        before = await http.get("/api/models")
        api.terminate()
        began = time.monotonic()
        alive = await stopping(http)
        ready = await http.get("/readyz")
        request = await http.get(
            "/api/models", headers={"Authorization": f"Bearer {(tmp_path / 'key').read_text().strip()}"}
        )
        result = await api.result()

    assert "Connection" not in before.headers
    assert [answer.status_code for answer in (alive, ready, request)] == [503, 503, 200]
    assert [error["pointer"] for error in alive.json()["errors"]] == ["/stopping"]
    assert [error["pointer"] for error in ready.json()["errors"]] == ["/stopping"]
    assert request.headers["Connection"] == "close"
    assert time.monotonic() - began >= NOTICE
    assert result.code == Exit.SUCCESS


async def test_without_a_proxy_it_stops_at_once(tmp_path: Path) -> None:
    port = free_port()
    async with (
        running("api", folder=tmp_path, AIJOBS_API__PORT=str(port)) as api,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT, trust_env=False) as http,
    ):
        await until_up(http)
        api.terminate()
        result = await api.result()

    assert (ApiSettings().shutdown_notice, result.code) == (timedelta(0), Exit.SUCCESS)
