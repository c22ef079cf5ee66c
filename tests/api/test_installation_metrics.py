"""Metrics of the installation's hosts, its streams, its money, and what waits in Temporal."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.host_facts import GIB, Expiry, HostFacts, Room
from aijobs.domain.values.money import Cost, CostSource
from aijobs.persistence.processes import ProcessRole, mark_stopped, see
from api.dependencies import ApiDependencies
from api.health import metrics
from api.streaming.subscriptions import StreamEnd
from tests.api.conftest import started_run
from tests.api.installation import UPSCALE, ApiUnderTest, opened_installation
from tests.api.test_metrics import ON_THE_WAY, samples
from tests.persistence.test_processes import grow_old, process_row
from workflows.client import TemporalJobEngine
from workflows.task_queues import ALL_QUEUES, WORKFLOWS

END = datetime(2031, 5, 4, tzinfo=UTC)


@pytest.fixture
async def fresh(
    dependencies: ApiDependencies, key: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ApiUnderTest]:
    """An API that reads the database at each scrape."""
    monkeypatch.setattr(metrics, "KEPT_FOR", timedelta(0))
    async with opened_installation(dependencies, key) as api:
        yield api


async def tell(
    api: ApiUnderTest,
    name: str,
    *,
    data: int,
    expiries: tuple[Expiry, ...] = (),
    role: ProcessRole = ProcessRole.WORKER,
) -> None:
    rooms = (
        Room(what="data", path="/d", free=data * GIB, total=100 * GIB),
        Room(what="temp", path="/t", free=50 * GIB, total=100 * GIB),
    )
    facts = HostFacts(rooms=rooms, expiries=expiries).model_dump(mode="json")
    await api.dependencies.database.write(see, process_row(name, role=role) | {"facts": facts})


async def test_the_fullest_disk_of_a_role_is_told_as_it_was_seen_last(fresh: ApiUnderTest) -> None:
    await tell(fresh, "w1", data=80)
    await tell(fresh, "w2", data=7)
    await tell(fresh, "gone", data=1)
    await tell(fresh, "a", data=60, role=ProcessRole.API)
    await fresh.dependencies.database.write(grow_old, "w2", 60)
    await fresh.dependencies.database.write(mark_stopped, "gone")

    assert await samples(fresh, "aijobs_disk_free_ratio", "role", "directory") == {
        ("worker", "data"): 0.07,
        ("worker", "temp"): 0.5,
        ("api", "data"): 0.6,
        ("api", "temp"): 0.5,
    }


async def test_the_first_end_of_each_certificate_is_told_and_no_link(fresh: ApiUnderTest) -> None:
    named = Expiry(what="certificate", name="TEMPORAL_TLS_CLIENT_CERT", at=END)
    later = named.model_copy(update={"at": END + timedelta(days=9)})
    public = Expiry(what="certificate", name="https://aijobs.example", at=END)
    token = Expiry(what="token", name="AIJOBS_KLING__TOKEN", at=END)
    await tell(fresh, "w1", data=80, expiries=(named,))
    await tell(fresh, "w2", data=80, expiries=(later, public, token))

    assert await samples(fresh, "aijobs_certificate_expires_timestamp_seconds", "certificate") == {
        ("TEMPORAL_TLS_CLIENT_CERT",): END.timestamp(),
        ("public_url",): END.timestamp(),
    }
    assert "aijobs.example" not in (await fresh.http.get("/metrics")).text


async def test_streams_that_are_cut_are_counted_by_why(fresh: ApiUnderTest) -> None:
    code = await fresh.job("ada")
    nothing = await samples(fresh, "aijobs_streams_cut_total", "reason")
    async with fresh.http.stream("GET", f"/api/jobs/{code}/events") as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        fresh.dependencies.live._subscriptions.end(StreamEnd.BEHIND)
        async for _ in lines:
            pass
    async with fresh.http.stream("GET", f"/api/jobs/{code}/events") as answer:
        await anext(answer.aiter_lines())

    assert nothing == {("behind",): 0, ("credentials",): 0, ("closed",): 0, ("database",): 0}
    assert await samples(fresh, "aijobs_streams_cut_total", "reason") == nothing | {("behind",): 1}


async def test_points_and_money_are_counted_by_model(fresh: ApiUnderTest) -> None:
    await samples(fresh, "aijobs_points_charged_total", "model")
    paid, failed = await fresh.job("ada"), await fresh.job("ada")
    before = await samples(fresh, "aijobs_points_charged_total", "model")
    bill = Cost(amount=Decimal("0.25"), currency="USD", source=CostSource.BILL)
    await fresh.dependencies.records.gate.advance(paid, JobStatus.GENERATED, cost=bill)
    await fresh.push(paid, ON_THE_WAY[-1], JobStatus.SUCCESS)
    await fresh.push(failed, JobStatus.FAILED)

    assert before == {(UPSCALE,): 0}
    assert await samples(fresh, "aijobs_points_charged_total", "model") == {(UPSCALE,): 2}
    assert await samples(fresh, "aijobs_cost_total", "model", "currency") == {(UPSCALE, "USD"): 0.25}


async def test_what_waits_in_temporal_is_told_without_waiting_for_it(
    dependencies: ApiDependencies, key: str, engine: TemporalJobEngine, temporal: Client
) -> None:
    before = (await backlog_of(temporal)).stats.approximate_backlog_count
    async with opened_installation(replace(dependencies, engine=engine), key) as api:
        first = await samples(api, "aijobs_temporal_backlog", "queue")
        codes = [await api.job("ada") for _ in range(3)]
        for code in codes:
            await started_run(temporal, code)
        async with asyncio.timeout(30):
            while (await backlog_of(temporal)).stats.approximate_backlog_count < before + 3:
                await asyncio.sleep(0.1)
            while (found := await samples(api, "aijobs_temporal_backlog", "queue")).get((WORKFLOWS,), 0) < before + 3:
                await asyncio.sleep(0.2)
        ages = await samples(api, "aijobs_temporal_backlog_age_seconds", "queue")

    assert first == {}
    assert found.keys() == ages.keys() == {(queue,) for queue in ALL_QUEUES}
    assert ages[WORKFLOWS,] > 0


async def test_without_temporal_the_rest_is_told(fresh: ApiUnderTest) -> None:
    for _ in range(2):
        assert await samples(fresh, "aijobs_temporal_backlog", "queue") == {}

    assert await samples(fresh, "aijobs_points_held") == {(): 0}


async def backlog_of(temporal: Client) -> DescribeTaskQueueResponse:
    return await temporal.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=temporal.namespace,
            task_queue=TaskQueue(name=WORKFLOWS),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            report_stats=True,
        )
    )
