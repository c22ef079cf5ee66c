"""The API's server process."""

import asyncio
import socket
from pathlib import Path

import httpx
import pytest

from aijobs.adapters.storage.settings import StoreSettings
from aijobs.process_settings import ApiSettings
from aijobs.settings import Settings
from api.app import run_api
from cli.embedded.ports import free_port
from tests.patience import http_client


def settings_in(folder: Path, port: int) -> Settings:
    store = StoreSettings(url=f"file://{folder}/store")
    return Settings(data_dir=folder, database_url=None, store=store, api=ApiSettings(port=port))


async def test_it_makes_its_first_key_serves_and_stops(tmp_path: Path) -> None:
    stop, port = asyncio.Event(), free_port()
    running = asyncio.create_task(run_api(settings_in(tmp_path, port), stop))
    async with http_client(base_url=f"http://127.0.0.1:{port}") as http:
        while not running.done():
            try:
                alive = await http.get("/healthz")
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
        key = (tmp_path / "key").read_text().strip()
        models = await http.get("/api/models", headers={"Authorization": f"Bearer {key}"})
    stop.set()
    await asyncio.wait_for(running, 3)

    assert (alive.status_code, models.status_code) == (200, 200)
    assert not any(model["configured"] for model in models.json()["data"] if model["asyn"])  # those need a key


async def test_a_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await run_api(settings_in(tmp_path, taken.getsockname()[1]), asyncio.Event())
