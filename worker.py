"""The worker's composition root: registers workflows and activities, and hands the adapters to them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from temporalio.client import Client
from temporalio.worker import Worker
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
from aijobs.adapters.documents.reader import DocumentReader
from aijobs.adapters.download.downloader import SafeDownloader
from aijobs.adapters.storage.open_store import opened_store
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.adapters.webhooks.sender import HttpWebhookSender
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.ports.downloads import Downloader
from aijobs.domain.ports.generators import Generator
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.providers import Provider
from aijobs.domain.ports.webhooks import Deliveries, WebhookSender
from aijobs.domain.webhooks import RetrySchedule
from aijobs.generators.registry import opened_generators
from aijobs.persistence.database import opened_database
from aijobs.persistence.jobs.records import DatabaseRecords
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from aijobs.providers.registry import opened_providers
from aijobs.settings import Settings, WorkerSettings
from workflows.ai_job import AiJob
from workflows.connection import connect
from workflows.late_watch import LateWatch
from workflows.outbox_relay import outbox_relay
from workflows.repair import Repair, schedule_repair
from workflows.task_queues import ALL_QUEUES, MIGRATION, PROVIDERS, WEBHOOKS, WORKFLOWS
from workflows.webhook_delivery import DeliverWebhook
from workflows.workflow_states import TemporalJobWorkflows

#: Pure modules that workflows share with the rest of the process. An import contract proves that they are pure.
PASSED_THROUGH: Final = ("aijobs.domain", "activities")

#: After a kill, the next worker waits this long for the dead one's cached workflows.
STICKY_PATIENCE: Final = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Collaborators:
    """The adapters that the activities work with."""

    records: DatabaseRecords
    catalogue: Catalogue
    providers: Mapping[str, Provider]
    store: ObjectStore
    downloader: Downloader
    deliveries: Deliveries
    messenger: WebhookSender
    patience: RetrySchedule = field(default_factory=RetrySchedule)  #: with receivers of webhooks
    generators: Mapping[str, Generator] = field(default_factory=dict)
    public_url: str | None = None


def build_workers(
    client: Client, them: Collaborators, settings: WorkerSettings, *, queues: Sequence[str] = ALL_QUEUES
) -> list[Worker]:
    """One Temporal worker for each task queue."""
    activities = _activities(client, them, settings)
    shared: dict[str, Any] = {
        "interceptors": [ErrorMapping(), Heartbeats()],
        "graceful_shutdown_timeout": settings.shutdown_patience,
        "max_heartbeat_throttle_interval": EVERY,
        "default_heartbeat_throttle_interval": EVERY,
    }
    recipes: dict[str, dict[str, Any]] = {
        WORKFLOWS: {
            "workflows": [AiJob, LateWatch, Repair, DeliverWebhook],
            "workflow_runner": workflow_runner(),
            "sticky_queue_schedule_to_start_timeout": STICKY_PATIENCE,
        },
        PROVIDERS: {"activities": activities[PROVIDERS], "max_concurrent_activities": settings.provider_calls},
        MIGRATION: {"activities": activities[MIGRATION], "max_concurrent_activities": settings.migrations},
        WEBHOOKS: {"activities": activities[WEBHOOKS], "max_concurrent_activities": settings.webhooks},
    }
    return [Worker(client, task_queue=queue, **recipes[queue], **shared) for queue in queues]


def _activities(
    client: Client, them: Collaborators, settings: WorkerSettings
) -> Mapping[str, Sequence[Callable[..., Any]]]:
    """By task queue."""
    records, catalogue, providers, store = them.records, them.catalogue, them.providers, them.store
    gate, submissions, conversations = records.gate, records.submissions, records.conversations
    transfer = OutputTransfer(records.outputs, them.downloader, store)
    submitting = SubmissionActivities(submissions, records.queries, catalogue, providers, store, them.public_url)
    watching = PollingActivities(submissions, gate, records.late_outcomes, catalogue, providers)
    generating = GenerationActivities(gate, records.queries, conversations, catalogue, them.generators, transfer)
    migrating = MigrationActivities(submissions, gate, catalogue, providers, transfer)
    ending = EndingActivities(submissions, gate, records.outputs, conversations, providers, store)
    workflows = TemporalJobWorkflows(client)
    repairing = RepairActivities(
        gate, records.housekeeping, store, workflows, ending, abandoned_after=settings.abandoned_after
    )
    notifying = WebhookActivities(them.deliveries, them.messenger, them.patience)
    return {
        PROVIDERS: [
            submitting.submit,
            watching.watch,
            watching.watch_late,
            generating.begin_generating,
            generating.generate_stage,
            generating.finish_generating,
            ending.cancel_at_provider,
        ],
        MIGRATION: [migrating.migrate, ending.end, ending.ask_to_be_canceled, repairing.repair],
        WEBHOOKS: [notifying.deliver],
    }


def workflow_runner() -> SandboxedWorkflowRunner:
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions)


@asynccontextmanager
async def opened_collaborators(settings: Settings) -> AsyncIterator[Collaborators]:
    """The adapters as the settings want them."""
    catalogue = settings.load_catalogue()
    secret = settings.load_secret()
    signer = LinkSigner(secret, settings.base_url)
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(opened_database(settings.database))
        store = await opened.enter_async_context(
            opened_store(settings.store, data_dir=settings.data_dir, signer=signer)
        )
        reader = DocumentReader(settings.documents)
        generators = opened_generators(settings.chat, database=database, store=store, reader=reader)
        yield Collaborators(
            records=DatabaseRecords(database, catalogue),
            catalogue=catalogue,
            providers=await opened.enter_async_context(opened_providers(settings)),
            generators=await opened.enter_async_context(generators),
            store=store,
            downloader=await opened.enter_async_context(SafeDownloader(settings.download)),
            deliveries=DatabaseDeliveries(database, disable_after=settings.webhooks.disable_after),
            messenger=await opened.enter_async_context(HttpWebhookSender(settings.webhooks, secret)),
            patience=settings.webhooks.patience,
            public_url=settings.reachable_url,
        )


@asynccontextmanager
async def running_workers(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """Workers that take work until the block ends; what they have begun, they finish."""
    async with AsyncExitStack() as running:
        for worker in workers:
            await running.enter_async_context(worker)
        yield


async def run_worker(settings: Settings, stop: asyncio.Event, *, queues: Sequence[str] = ALL_QUEUES) -> None:
    """Work until `stop` is set."""
    client = await connect()
    async with opened_collaborators(settings) as them:
        await schedule_repair(client, every=settings.worker.repair_every)
        workers = build_workers(client, them, settings.worker, queues=queues)
        async with outbox_relay(client, them.deliveries), running_workers(workers):
            await stop.wait()
