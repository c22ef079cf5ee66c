"""A worker's own endpoint for Prometheus: what a job leaves there."""

import asyncio
import socket
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client
from temporalio.runtime import Runtime

from aijobs.adapters.webhooks.settings import WebhookSettings
from aijobs.domain.jobs.submissions import Ref
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Snapshot
from aijobs.domain.webhooks import EventType
from aijobs.persistence.webhooks.endpoints import create_endpoint
from cli.embedded.ports import HOST, free_port
from cli.embedded.temporal_server import TemporalServer
from tests.adapters.webhooks.receiver import Receiver, answers
from tests.patience import PATIENCE
from tests.workflows.conftest import running_workbench
from tests.workflows.local import StepProvider
from workflows.data_converter import DATA_CONVERTER
from workflows.outbox_relay import outbox_relay
from workflows.runners import telemetry

S = JobStatus
Samples = dict[str, dict[tuple[str, ...], float]]

LAG = "aijobs_webhook_lag_seconds"
PRIVATE = "a prompt that nobody may read"


class FinishedBefore(StepProvider):
    """Says that its work was done two seconds before it is asked."""

    async def query(self, ref: Ref) -> Snapshot:
        told = await super().query(ref)
        finished_at = datetime.now(UTC) - timedelta(seconds=2) if told.final else None
        return Snapshot(**{**vars(told), "finished_at": finished_at})


async def scraped(address: str) -> str:
    def read() -> str:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            return answer.read().decode()  # type: ignore[no-any-return]

    return await asyncio.to_thread(read)


def values(text: str, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The samples of this name, by these labels."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


async def client_with_metrics(temporal: TemporalServer, runtime: Runtime | None) -> Client:
    return await Client.connect(temporal.address, data_converter=DATA_CONVERTER, runtime=runtime)


async def test_a_job_is_measured(temporal: TemporalServer, database_kind: str, tmp_path: Path) -> None:
    address = f"{HOST}:{free_port()}"
    runtime = telemetry.runtime(address)
    assert runtime is not None
    provider = FinishedBefore([S.QUEUED, S.QUEUED, S.PROCESSING, S.GENERATED])
    client = await client_with_metrics(temporal, runtime)
    async with running_workbench(client, tmp_path, providers={"local": provider}) as bench:
        bench.database.observe_by(telemetry.database_observer(runtime))
        job = await bench.start(PRIVATE)
        await job.result()
        text = await scraped(address)

    assert values(text, "aijobs_submissions_total", "provider", "outcome") == {("local", "accepted"): 1}
    assert values(text, "aijobs_polls_total", "provider", "news") == {("local", "yes"): 3, ("local", "no"): 1}
    assert values(text, "aijobs_detection_lag_seconds_count", "provider") == {("local",): 1}
    assert values(text, "aijobs_detection_lag_seconds_sum", "provider")["local",] >= 2
    assert values(text, "aijobs_jobs_watched_total", "provider") == {("local",): 1}
    assert values(text, "aijobs_migration_seconds_count", "kind") == {("text",): 1}
    stages = values(text, "aijobs_stage_seconds_count", "model", "stage")
    assert stages["local_v1", "DRAFT"] == stages["local_v1", "QUEUED"] == stages["local_v1", "MIGRATING"] == 1
    assert values(text, "aijobs_migrated_bytes_total") == {(): len(b"done")}
    statements = values(text, "aijobs_db_seconds_count", "statement")
    assert statements["submissions.intend",] == statements["submissions.conclude",] == 1
    assert "temporal_num_pollers" in text
    assert PRIVATE not in text
    assert "ada" not in text


async def test_the_lag_of_a_webhook_is_that_of_its_event(
    temporal: TemporalServer, database_kind: str, tmp_path: Path
) -> None:
    address = f"{HOST}:{free_port()}"
    client = await client_with_metrics(temporal, telemetry.runtime(address))
    async with Receiver().running() as receiver:
        receiver.behaves(answers("500 Internal Server Error"))
        settings = WebhookSettings(allow_hosts=(receiver.host,), pauses=(timedelta(seconds=1),))
        providers = {"local": StepProvider([S.GENERATED])}
        async with running_workbench(client, tmp_path, providers=providers, webhooks=settings) as bench:
            await bench.database.write(
                create_endpoint, user_id="ada", url=receiver.url, events=[EventType.SUCCESS], created_by="test"
            )
            async with outbox_relay(client, bench.adapters.deliveries):
                await (await bench.start(PRIVATE)).result()
                await receiver.messages(2)
                async with asyncio.timeout(PATIENCE):
                    while not values(text := await scraped(address), LAG + "_count", "direction"):
                        await asyncio.sleep(0.05)

    assert values(text, LAG + "_count", "direction") == {("out",): 1}
    assert values(text, LAG + "_sum", "direction")["out",] >= 1  # the pause after the first attempt belongs to it


async def test_an_address_that_is_taken_is_named() -> None:
    with socket.create_server((HOST, 0)) as taken:
        address = f"{HOST}:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=address):
            telemetry.runtime(address)
