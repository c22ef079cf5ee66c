"""Deadlines of a whole day, on a time-skipping test server."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from aijobs.domain.lifecycle import JobStatus
from cli.embedded.temporal_server import DYNAMIC_CONFIG, temporal_binary
from tests.workflows.conftest import running_workbench
from tests.workflows.local import StepProvider
from workflows.data_converter import DATA_CONVERTER
from workflows.search_attributes import ALL_ATTRIBUTES

A_MOMENT = timedelta(minutes=1)  #: the business began when the job was accepted, before its workflow
SELDOM = 'poll = { first = "2h", max = "2h" }'


@pytest.fixture(scope="module")
async def skipping_client() -> AsyncIterator[Client]:
    flags = [flag for name, value in DYNAMIC_CONFIG.items() for flag in ("--dynamic-config-value", f"{name}={value}")]
    async with await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(temporal_binary()),
        dev_server_log_level="error",
        dev_server_extra_args=flags,
        search_attributes=list(ALL_ATTRIBUTES),
        data_converter=DATA_CONVERTER,
    ) as environment:
        yield environment.client


@pytest.mark.parametrize(
    ("deadlines", "status", "stage", "hours"),
    [
        ('queue = "30h"', JobStatus.QUEUED, "business", 24),
        ('queue = "6h"', JobStatus.QUEUED, "queue", 6),
        ('processing = "18h"', JobStatus.PROCESSING, "processing", 18),
    ],
)
async def test_a_day_passes_and_the_right_deadline_ends_the_job(
    skipping_client: Client, tmp_path: Path, deadlines: str, status: JobStatus, stage: str, hours: int
) -> None:
    overlay = f"[models.local_v1]\n{SELDOM}\ndeadlines = {{ {deadlines} }}"
    providers = {"local": StepProvider([status])}
    async with running_workbench(skipping_client, tmp_path, providers=providers, overlay=overlay) as bench:
        job = await bench.start()
        with pytest.raises(WorkflowFailureError) as ended:
            await job.result()
        description = await job.describe()
        last = (await bench.history(job.id))[-1]

    assert isinstance(ended.value.cause, ApplicationError)
    assert ended.value.cause.type == "JobTimeout"
    assert last.job_status is JobStatus.TIMEOUT
    assert last.detail["error"]["stage"] == stage
    assert description.close_time is not None
    lived = description.close_time - description.start_time
    assert timedelta(hours=hours) - A_MOMENT <= lived <= timedelta(hours=hours + 2.5)
