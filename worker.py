"""The worker's composition root: registers workflows and activities, and passes the adapters to them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.ending import EndingActivities
from activities.error_mapping import ErrorMapping
from activities.generation import GenerationActivities
from activities.heartbeats import EVERY, Heartbeats
from activities.migration import MigrationActivities
from activities.output_transfer import OutputTransfer
from activities.polling import PollingActivities
from activities.repair import RepairActivities
from activities.submission import SubmissionActivities
from activities.webhooks import WebhookActivities
from aijobs.bootstrap import Adapters, open_adapters, share_the_interpreter
from aijobs.settings import Settings
from workflows.ai_job import AiJob
from workflows.client import connect
from workflows.job.builds import UNVERSIONED
from workflows.late_watch import LateWatch
from workflows.outbox_relay import outbox_relay, start_relay
from workflows.repair import Repair, schedule_repair
from workflows.task_queues import ALL_QUEUES, MIGRATION, PROVIDERS, WEBHOOKS, WORKFLOWS
from workflows.webhook_delivery import DeliverWebhook
from workflows.workflow_states import TemporalJobWorkflows

#: Pure modules that workflows share with the rest of the process. An import contract proves that they are pure. What is
#: not named here is imported anew for each run of a workflow.
PASSED_THROUGH: Final = (
    "aijobs.domain",
    "activities",
    "workflows.activity_calls",
    "workflows.job",
    "workflows.search_attributes",
    "workflows.task_queues",
)

#: After a kill, the next worker waits this long for the dead one's cached workflows.
STICKY_TIMEOUT: Final = timedelta(seconds=1)


def build_workers(client: Client, adapters: Adapters, *, queues: Sequence[str] = ALL_QUEUES) -> list[Worker]:
    """One Temporal worker for each task queue."""
    settings, activities = adapters.settings.worker, _activities(client, adapters)
    shared: dict[str, Any] = {
        "interceptors": [ErrorMapping(), Heartbeats()],
        "graceful_shutdown_timeout": settings.shutdown_patience,
        "max_heartbeat_throttle_interval": EVERY,
        "default_heartbeat_throttle_interval": EVERY,
        "deployment_config": WorkerDeploymentConfig(
            version=WorkerDeploymentVersion("aijobs", UNVERSIONED), use_worker_versioning=False
        ),
    }
    options: dict[str, dict[str, Any]] = {
        WORKFLOWS: {
            "workflows": [AiJob, LateWatch, Repair, DeliverWebhook],
            "workflow_runner": workflow_runner(),
            "sticky_queue_schedule_to_start_timeout": STICKY_TIMEOUT,
        },
        PROVIDERS: {"activities": activities[PROVIDERS], "max_concurrent_activities": settings.provider_calls},
        MIGRATION: {"activities": activities[MIGRATION], "max_concurrent_activities": settings.migrations},
        WEBHOOKS: {"activities": activities[WEBHOOKS], "max_concurrent_activities": settings.webhooks},
    }
    return [Worker(client, task_queue=queue, **options[queue], **shared) for queue in queues]


def _activities(client: Client, adapters: Adapters) -> Mapping[str, Sequence[Callable[..., Any]]]:
    """By task queue."""
    records, catalogue, providers, store = adapters.records, adapters.catalogue, adapters.providers, adapters.store
    gate, submissions, conversations = records.gate, records.submissions, records.conversations
    settings, webhook_settings = adapters.settings, adapters.settings.webhooks
    transfer = OutputTransfer(records.outputs, adapters.downloader, store, at_once=settings.worker.transfers)
    submission = SubmissionActivities(submissions, catalogue, providers, store, settings.reachable_url)
    polling = PollingActivities(submissions, records.queries, gate, records.late_outcomes, catalogue, providers)
    generation = GenerationActivities(gate, records.queries, conversations, catalogue, adapters.generators, transfer)
    migration = MigrationActivities(
        gate, catalogue, providers, transfer, outputs_at_once=settings.worker.outputs_at_once
    )
    ending = EndingActivities(submissions, records.queries, gate, records.outputs, conversations, providers, store)
    workflows = TemporalJobWorkflows(client)
    repair = RepairActivities(
        gate, records.housekeeping, store, workflows, ending, abandoned_after=settings.worker.abandoned_after
    )
    webhooks = WebhookActivities(adapters.deliveries, adapters.webhook_sender, webhook_settings.retry_schedule)
    return {
        PROVIDERS: [
            submission.submit,
            polling.watch,
            polling.watch_late,
            generation.begin_generating,
            generation.generate_stage,
            generation.finish_generating,
            ending.cancel_at_provider,
        ],
        MIGRATION: [migration.migrate, ending.end, ending.ask_to_be_canceled, repair.repair],
        WEBHOOKS: [webhooks.deliver],
    }


def workflow_runner() -> SandboxedWorkflowRunner:
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions)


@asynccontextmanager
async def running_workers(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """Run the workers until the block ends. All shut down at the same time and finish what they have begun."""
    async with AsyncExitStack() as running:
        for worker in workers:
            await running.enter_async_context(worker)
        try:
            yield
        finally:
            await asyncio.gather(*(worker.shutdown() for worker in workers))


async def run_worker(settings: Settings, stop: asyncio.Event, *, queues: Sequence[str] = ALL_QUEUES) -> None:
    """Work until `stop` is set."""
    share_the_interpreter()
    client = await connect()
    async with open_adapters(settings) as adapters:
        await schedule_repair(client, every=settings.worker.repair_every)
        workers = build_workers(client, adapters, queues=queues)
        async with (
            outbox_relay(client, adapters.deliveries),
            start_relay(client, adapters.records.starts),
            running_workers(workers),
        ):
            await stop.wait()
