"""Liveness and readiness, and what is missing when the API is not ready."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr
from sqlmodel import Session, col, update
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.bootstrap import Adapters, open_adapters
from aijobs.domain.jobs.waiting import Wait, WaitFor
from aijobs.persistence.access.first_key import ensure_first_key
from aijobs.persistence.column_types import now
from aijobs.persistence.jobs.totals import MAX_WAIT_FOR_WORKER
from aijobs.persistence.processes import ALIVE_FOR, see
from aijobs.persistence.tables import JobRow
from aijobs.providers.replicate import ReplicateSettings
from aijobs.settings import GivenSettings
from api.app import dependencies_over
from tests.api.installation import SECRET, ApiUnderTest, opened_installation
from tests.cli.command import running
from tests.persistence.test_processes import grow_old, process_row
from worker import build_workers, running_workers
from workflows.client import TemporalJobEngine
from workflows.data_converter import DATA_CONVERTER
from workflows.namespace.health import MAX_ACTIVITY_TASK_AGE, MAX_POLL_AGE, MAX_WORKFLOW_TASK_AGE, QueueHealth, examine
from workflows.search_attributes import ALL_ATTRIBUTES
from workflows.task_queues import ALL_QUEUES, MIGRATION, WORKFLOWS


@asynccontextmanager
async def opened(folder: Path, client: Client, **changes: Any) -> AsyncIterator[tuple[ApiUnderTest, Adapters]]:
    async def connected() -> Client:
        return client

    sections: dict[str, Any] = {"replicate": ReplicateSettings(token=SecretStr("r8_test"))}
    async with open_adapters(GivenSettings(data_dir=folder, **sections)) as adapters:
        key = await ensure_first_key(adapters.database, adapters.secret, folder)
        dependencies = replace(dependencies_over(adapters, TemporalJobEngine(connected)), **changes)
        async with opened_installation(dependencies, key) as installation:
            yield installation, adapters


async def missing(api: ApiUnderTest) -> list[str]:
    """The pointers of the problems that /readyz reports."""
    answer = await api.http.get("/readyz", headers={"Authorization": ""})
    if answer.status_code == 200:
        assert answer.json() == {"status": "ready"}
        return []
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert int(answer.headers["Retry-After"]) > 0
    return [error["pointer"] for error in answer.json()["errors"]]


async def in_a_namespace(client: Client, name: str, *, make: bool) -> Client:
    if make:
        request = RegisterNamespaceRequest(namespace=name)
        request.workflow_execution_retention_period.FromTimedelta(timedelta(days=1))
        await client.workflow_service.register_namespace(request)
    address = client.service_client.config.target_host
    return await Client.connect(address, namespace=name, data_converter=DATA_CONVERTER)


async def with_attributes(client: Client) -> Client:
    request = AddSearchAttributesRequest(namespace=client.namespace)
    for key in ALL_ATTRIBUTES:
        request.search_attributes[key.name] = IndexedValueType.ValueType(key.indexed_value_type)
    await client.operator_service.add_search_attributes(request)
    return client


async def test_alive_and_ready(temporal: Client, tmp_path: Path) -> None:
    """A namespace of its own: other tests leave jobs behind that no worker runs."""
    client = await with_attributes(await in_a_namespace(temporal, "ready", make=True))
    async with opened(tmp_path, client) as (api, adapters), running_workers(build_workers(client, adapters)):
        async with asyncio.timeout(30):
            while (found := await examine(client)).missing_attributes or not all(
                queue.last_poll_age for queue in found.queues
            ):
                await asyncio.sleep(0.1)
        for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
            answer = await api.http.get(path, headers={"Authorization": ""})
            assert (answer.status_code, answer.json()) == (200, {"status": status})


async def test_what_is_missing_is_named(without_temporal: ApiUnderTest, tmp_path: Path, key: str) -> None:
    nowhere = DirectoryStore(tmp_path / "nowhere", LinkSigner(SECRET, "http://aijobs.test"))
    async with opened_installation(replace(without_temporal.dependencies, store=nowhere), key) as poor:
        answer = await poor.http.get("/readyz")
        alive = await poor.http.get("/healthz")

    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/temporal", "/store"]
    assert alive.status_code == 200


async def test_queues_without_a_worker_are_named(temporal: Client, tmp_path: Path) -> None:
    empty = await in_a_namespace(temporal, "empty", make=True)
    async with opened(tmp_path, empty) as (api, _):
        found = await missing(api)

    assert found == ["/search_attributes", *(f"/queues/{name}" for name in ALL_QUEUES)]


async def test_a_missing_namespace_is_named(temporal: Client, tmp_path: Path) -> None:
    async with opened(tmp_path, await in_a_namespace(temporal, "nowhere", make=False)) as (api, _):
        assert await missing(api) == ["/namespace"]
        answer = await api.submit("ada")

    assert answer.status_code == 202


async def test_a_worker_that_hangs_and_one_that_is_gone_are_noticed(temporal: Client, tmp_path: Path) -> None:
    there = await in_a_namespace(temporal, "deserted", make=True)
    settings = {"TEMPORAL_ADDRESS": there.service_client.config.target_host, "TEMPORAL_NAMESPACE": "deserted"}
    async with running("worker", "--queues", MIGRATION, folder=tmp_path, **settings) as worker:
        while (await queue_of(there, MIGRATION)).problem() is not None:
            await asyncio.sleep(0.1)
        os.kill(worker.pid, signal.SIGSTOP)
        await asyncio.sleep(2)
        hanging = (await queue_of(there, MIGRATION)).problem(max_poll_age=SECOND)

    assert "it hangs, or is gone" in str(hanging)
    assert "No worker polls" in str((await queue_of(there, WORKFLOWS)).problem())


async def queue_of(client: Client, name: str) -> QueueHealth:
    return next(queue for queue in (await examine(client)).queues if queue.name == name)


SECOND: Final = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("name", "last_poll_age", "waits", "problem"),
    [
        (WORKFLOWS, SECOND, 0 * SECOND, None),
        (WORKFLOWS, MAX_POLL_AGE - SECOND, MAX_WORKFLOW_TASK_AGE - SECOND, None),
        (WORKFLOWS, MAX_POLL_AGE + SECOND, 0 * SECOND, "hangs, or is gone. 3 tasks wait."),
        (WORKFLOWS, SECOND, MAX_WORKFLOW_TASK_AGE + SECOND, "cannot keep up, or hang"),
        (MIGRATION, SECOND, MAX_WORKFLOW_TASK_AGE + SECOND, None),
        (MIGRATION, SECOND, MAX_ACTIVITY_TASK_AGE + SECOND, "cannot keep up, or hang"),
        (MIGRATION, None, 0 * SECOND, "No worker polls"),
    ],
)
def test_what_is_wrong_with_a_queue(
    name: str, last_poll_age: timedelta | None, waits: timedelta, problem: str | None
) -> None:
    reported = QueueHealth(name=name, last_poll_age=last_poll_age, backlog=3, oldest_task_age=waits).problem()

    assert reported == problem if problem is None else problem in str(reported)


async def test_a_job_that_nobody_takes_up_is_noticed(without_temporal: ApiUnderTest) -> None:
    code = await without_temporal.job()
    assert await missing(without_temporal) == ["/temporal"]

    await _accepted_at(without_temporal, code, now() - MAX_WAIT_FOR_WORKER * 2)
    await asyncio.sleep(2.1)

    assert await missing(without_temporal) == ["/temporal", "/jobs"]


async def test_a_worker_that_was_killed_is_noticed_before_temporal_does(without_temporal: ApiUnderTest) -> None:
    database = without_temporal.dependencies.database
    await database.write(see, process_row("w1", "a"))
    await database.write(see, process_row("w2", "b"))
    assert await missing(without_temporal) == ["/temporal"]

    await database.write(grow_old, "w1", ALIVE_FOR.total_seconds() + 1)
    await asyncio.sleep(2.1)
    answer = await without_temporal.http.get("/readyz")

    assert [error["pointer"] for error in answer.json()["errors"]] == ["/temporal", "/queues/a"]
    assert "host-of-w1" in str(answer.json()["errors"][1])


async def test_a_job_that_waits_in_a_line_was_taken_up(without_temporal: ApiUnderTest) -> None:
    code = await without_temporal.job()
    wait = Wait(kind=WaitFor.PROVIDER_SLOT, since=now()).stored()
    await _accepted_at(without_temporal, code, now() - MAX_WAIT_FOR_WORKER * 2, waiting=wait)

    assert await missing(without_temporal) == ["/temporal"]


async def _accepted_at(api: ApiUnderTest, code: str, at: datetime, *, waiting: dict[str, Any] | None = None) -> None:
    def work(session: Session) -> None:
        session.exec(update(JobRow).where(col(JobRow.code) == code).values(create_time=at, waiting=waiting))

    await api.dependencies.database.write(work)


class SlowStore(DirectoryStore):
    """A slow store that counts its probes."""

    probes = 0
    takes = 0.2

    async def probe(self) -> None:
        self.probes += 1
        await asyncio.sleep(self.takes)


async def test_asking_often_costs_no_more_than_asking_once(without_temporal: ApiUnderTest, key: str) -> None:
    store = SlowStore(Path(), LinkSigner(SECRET, "http://aijobs.test"))
    async with opened_installation(replace(without_temporal.dependencies, store=store), key) as api:
        answers = await asyncio.gather(*(api.http.get("/readyz") for _ in range(50)))

    assert {answer.status_code for answer in answers} == {503}
    assert store.probes == 1


async def test_an_answer_comes_in_time_whatever_hangs(without_temporal: ApiUnderTest, key: str) -> None:
    store = SlowStore(Path(), LinkSigner(SECRET, "http://aijobs.test"))
    store.takes = 60
    async with opened_installation(replace(without_temporal.dependencies, store=store), key) as api:
        api.http.timeout = store.takes / 2
        found = await missing(api)

    assert found == ["/temporal", "/store"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes. Only a privileged user can make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("No disk can be mounted here.")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def later_missing(api: ApiUnderTest) -> Sequence[str]:
    """The database's problems, without a cached result."""
    await asyncio.sleep(2.1)
    return [pointer for pointer in await missing(api) if pointer in {"/database", "/jobs"}]


async def test_a_full_disk_is_named_and_clients_may_come_again(small_disk: Path, temporal: Client) -> None:
    async with opened(small_disk, temporal) as (api, _):
        assert await later_missing(api) == []
        filling = small_disk / "filling"
        with suppress(OSError), filling.open("wb") as file:
            file.write(bytes(6_000_000))

        assert await later_missing(api) == ["/database"]
        answers = [await api.submit("ada", metadata={"words": "x" * 500}) for _ in range(30)]
        filling.unlink()
        assert await later_missing(api) == []
        assert (await api.submit("ada")).status_code == 202

    refused = [answer for answer in answers if answer.status_code != 202]
    assert refused
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "database_unavailable")}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert "full" in refused[0].json()["detail"]


async def test_a_database_that_cannot_be_written_is_named(tmp_path: Path, temporal: Client) -> None:
    async with opened(tmp_path, temporal) as (api, _):
        await api.job()

        def work(session: Session) -> None:
            session.connection().exec_driver_sql("PRAGMA query_only=ON")

        await api.dependencies.database.write(work)

        assert await later_missing(api) == ["/database"]
        answer = await api.submit("ada")

    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert "read-only" in answer.json()["detail"]
