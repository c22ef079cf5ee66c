"""Two installations on one namespace of Temporal: the second is refused, and says whose the namespace is."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import pytest
from temporalio.client import Client

from aijobs.domain.errors import NamespaceTaken
from cli.embedded.ports import free_port
from cli.embedded.temporal_server import temporal_server
from cli.errors import Exit
from tests.cli.command import aijobs_process, running
from tests.patience import http_client
from workflows.namespace.owner import claim_namespace, owner_of
from workflows.namespace.schedules import RETENTION_SCHEDULE_ID, SCHEDULE_ID, schedule_repair, schedule_retention

TAKEN: Final = "belongs to another installation, inst_first"
HOUR: Final = timedelta(hours=1)
NO_VENDOR: Final = {"AIJOBS_REPLICATE__TOKEN": "r8_test", "AIJOBS_REPLICATE__BASE_URL": "http://127.0.0.1:1"}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with temporal_server(data_dir=None) as server:
        yield await Client.connect(server.address)


@pytest.fixture
def settings(client: Client) -> dict[str, str]:
    return {"TEMPORAL_ADDRESS": client.service_client.config.target_host, **NO_VENDOR}


async def claim(client: Client, installation: str) -> bool:
    return await claim_namespace(client, installation, repair_every=HOUR)


async def test_a_second_worker_is_refused_and_told_whose_the_namespace_is(
    client: Client, settings: dict[str, str], tmp_path: Path
) -> None:
    await claim(client, "inst_first")

    worker, up = await asyncio.gather(
        aijobs_process("worker", folder=tmp_path / "second", **settings),
        aijobs_process("up", "--api-port", str(free_port()), folder=tmp_path / "third", **settings),
    )
    init = await aijobs_process("init", "--only", "temporal", "--wait", "0", folder=tmp_path / "second", **settings)

    for result in (worker, up, init):
        assert result.code == Exit.ERROR
        assert TAKEN in result.out + result.err, result
        assert "Traceback" not in result.err
    assert "TEMPORAL_NAMESPACE" in worker.err
    assert await owner_of(client) == "inst_first"


async def test_a_second_api_takes_jobs_and_starts_none_there(
    client: Client, settings: dict[str, str], tmp_path: Path
) -> None:
    await claim(client, "inst_first")
    url = f"http://127.0.0.1:{(port := free_port())}"
    async with (
        running("api", folder=tmp_path, AIJOBS_API__PORT=str(port), **settings),
        http_client(base_url=url) as http,
        asyncio.timeout(60),
    ):
        while not await is_alive(http):
            await asyncio.sleep(0.1)
        job = {"model_id": "replicate_imageupscale_v1", "params": {"image": "https://a.example/a.jpg"}}
        key = {"Authorization": f"Bearer {(tmp_path / 'key').read_text().strip()}", "Aijobs-User": "ada"}
        submitted = await http.post("/api/jobs", json=job, headers=key)
        canceled = await http.post(f"/api/jobs/{submitted.json()['code']}/cancel", json={}, headers=key)
        ready = await http.get("/readyz", timeout=20)
        doctor = await aijobs_process("doctor", "--json", folder=tmp_path, **settings)

    assert submitted.status_code == 202
    assert (canceled.status_code, canceled.json()["code"]) == (503, "namespace_taken")
    assert [error["pointer"] for error in ready.json()["errors"]] == ["/namespace"]
    (finding,) = [found for found in doctor.document["findings"] if found["part"] == "Temporal"]
    assert (finding["health"], TAKEN in finding["told"]) == ("broken", True)
    assert [found.id async for found in client.list_workflows("WorkflowType = 'AiJob'")] == []


async def is_alive(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/healthz")).is_success
    except httpx.TransportError:
        return False


async def test_a_namespace_stays_with_its_installation_until_that_gives_it_up(client: Client) -> None:
    assert await claim(client, "inst_first")
    assert not await claim(client, "inst_first")
    with pytest.raises(NamespaceTaken, match="inst_first"):
        await claim(client, "inst_second")

    await client.get_schedule_handle(SCHEDULE_ID).delete()

    assert await claim(client, "inst_second")
    assert await owner_of(client) == "inst_second"


async def test_a_namespace_of_an_older_version_goes_to_the_first_of_several_workers(client: Client) -> None:
    await schedule_repair(client, every=HOUR)

    claims = await asyncio.gather(*(claim(client, f"inst_{n}") for n in range(4)), return_exceptions=True)

    assert sorted(type(claimed).__name__ for claimed in claims) == ["NamespaceTaken"] * 3 + ["bool"]
    schedule = (await client.get_schedule_handle(SCHEDULE_ID).describe()).schedule
    assert [interval.every for interval in schedule.spec.intervals] == [HOUR]


async def interval_of(client: Client, schedule_id: str) -> timedelta:
    schedule = (await client.get_schedule_handle(schedule_id).describe()).schedule
    (interval,) = schedule.spec.intervals
    return interval.every


async def test_a_schedule_follows_its_setting_and_stays_paused(client: Client) -> None:
    await claim(client, "inst_first")
    assert await schedule_retention(client, every=HOUR)
    retention = client.get_schedule_handle(RETENTION_SCHEDULE_ID)
    await retention.pause(note="Case 17")

    assert not await claim_namespace(client, "inst_first", repair_every=2 * HOUR)
    assert not await schedule_retention(client, every=3 * HOUR)
    with pytest.raises(NamespaceTaken):
        await claim_namespace(client, "inst_second", repair_every=4 * HOUR)

    assert await interval_of(client, SCHEDULE_ID) == 2 * HOUR
    assert await interval_of(client, RETENTION_SCHEDULE_ID) == 3 * HOUR
    assert (await retention.describe()).schedule.state.paused
    assert await owner_of(client) == "inst_first"
