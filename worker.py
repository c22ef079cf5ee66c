"""The worker's composition root: registers workflows and activities, and passes the adapters to them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxRestrictions

from activities.batches import BatchActivities
from activities.ending import EndingActivities
from activities.error_mapping import ErrorMapping
from activities.generation import GenerationActivities
from activities.heartbeats import EVERY, Heartbeats
from activities.learned_times import LearnedTimes
from activities.metrics import ActivityMetrics
from activities.migration import MigrationActivities
from activities.output_transfer import OutputTransfer
from activities.polling import PollingActivities
from activities.repair import RepairActivities
from activities.retention import RetentionActivities
from activities.rounds import Rounds
from activities.routing import Routing
from activities.submission import SubmissionActivities
from activities.webhooks import WebhookActivities
from aijobs.bootstrap import Adapters, open_adapters
from aijobs.domain.values.actors import Actor
from aijobs.hosts.host_view import HostView
from aijobs.logs.levels import FollowedLevels
from aijobs.persistence.access.installation import installation_id
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.processes import ProcessRole, aijobs_version, registered
from aijobs.process_settings import WorkerSettings
from aijobs.process_tuning import share_the_interpreter, shorten_collections
from aijobs.settings import Settings
from aijobs.tracing.export import exporting_traces
from aijobs.usecases.cancel_job import CancelJob
from workflows.ai_batch import AiBatch
from workflows.ai_job import AiJob
from workflows.client import TemporalJobEngine, connect
from workflows.job.builds import UNVERSIONED
from workflows.job.late_watch import LateWatch
from workflows.namespace.connection import temporal_certificates
from workflows.namespace.owner import claim_namespace
from workflows.namespace.schedules import RETENTION_SCHEDULE_ID, SCHEDULE_ID, TemporalSchedules, schedule_retention
from workflows.outbox_relay import expiry_relay, outbox_relay, release_relay, slot_relay, start_relay
from workflows.repair import ONE_REPAIR, ONE_RETENTION, Repair, RetentionRun
from workflows.runners import telemetry
from workflows.runners.context_free import ContextFreeRunner
from workflows.runners.traces import JobSpans
from workflows.runners.versioned import VersionedWorkflowRunner
from workflows.task_queues import ALL_QUEUES, MIGRATION, PROVIDERS, WEBHOOKS, WORKFLOWS
from workflows.webhook_delivery import DeliverWebhook
from workflows.workflow_states import TemporalJobWorkflows

WORKFLOW_CLASSES: Final = (AiJob, AiBatch, LateWatch, Repair, RetentionRun, DeliverWebhook)

#: Pure modules that workflows share with the rest of the process. An import contract proves that they are pure. What is
#: not named here is imported anew for each run of a workflow.
SHARED_WITH_WORKFLOWS: Final = (
    "aijobs.domain",
    "activities",
    "workflows.activity_calls",
    "workflows.job",
    "workflows.search_attributes",
    "workflows.task_queues",
)

#: With the workflow of a job: to import it anew for each job takes 5 ms, and 60 kB for as long as it is cached. That
#: it does nothing of what the sandbox forbids is tested by the replay of recorded histories, which imports it anew.
PASSED_THROUGH: Final = (*SHARED_WITH_WORKFLOWS, AiJob.__module__, VersionedWorkflowRunner.__module__)

#: Cancels the jobs of users who are erased.
ERASER: Final = Actor(key_id="aijobs", user_id=None)

#: After a kill, the next worker waits this long for the dead one's cached workflows.
STICKY_TIMEOUT: Final = timedelta(seconds=1)

#: An idle queue costs one long poll of each kind, and a busy one gets as many as its tasks need. A frontend of Temporal
#: allows a namespace 1,200 polls of a kind at a time: with the SDK's fixed five, 240 worker processes use them up.
POLLERS: Final = PollerBehaviorAutoscaling(minimum=1, initial=5, maximum=40)


def build_workers(client: Client, adapters: Adapters, *, queues: Sequence[str] = ALL_QUEUES) -> list[Worker]:
    """One Temporal worker for each task queue."""
    settings, activities = adapters.settings.worker, _activities(client, adapters)
    shared: dict[str, Any] = {
        "interceptors": [JobSpans(), ActivityMetrics(), Heartbeats(), ErrorMapping(adapters.records.gate)],
        "graceful_shutdown_timeout": settings.shutdown_patience,
        "max_heartbeat_throttle_interval": EVERY,
        "default_heartbeat_throttle_interval": EVERY,
        "workflow_task_poller_behavior": POLLERS,
        "activity_task_poller_behavior": POLLERS,
        "deployment_config": _deployment(settings),
    }
    options: dict[str, dict[str, Any]] = {
        WORKFLOWS: {
            "workflows": WORKFLOW_CLASSES,
            "activities": activities[WORKFLOWS],
            "max_concurrent_activities": settings.batches,
            "workflow_runner": workflow_runner(versioned=settings.version is not None),
            "sticky_queue_schedule_to_start_timeout": STICKY_TIMEOUT,
            "max_concurrent_workflow_tasks": settings.workflow_tasks,
            "max_cached_workflows": settings.cached_workflows,
        },
        PROVIDERS: {"activities": activities[PROVIDERS], "max_concurrent_activities": settings.provider_calls},
        MIGRATION: {"activities": activities[MIGRATION], "max_concurrent_activities": settings.migrations},
        WEBHOOKS: {"activities": activities[WEBHOOKS], "max_concurrent_activities": settings.webhooks},
    }
    return [Worker(client, task_queue=queue, **options[queue], **shared) for queue in queues]


def _deployment(settings: WorkerSettings) -> WorkerDeploymentConfig:
    """The version that this worker is. A worker without one takes every task, as in development."""
    if settings.version is None:
        version = WorkerDeploymentVersion(settings.deployment, UNVERSIONED)
        return WorkerDeploymentConfig(version=version, use_worker_versioning=False)
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.deployment, settings.version),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,  # see workflows/runners/versioned.py
    )


def _activities(client: Client, adapters: Adapters) -> Mapping[str, Sequence[Callable[..., Any]]]:
    """By task queue."""
    records, catalogue, providers, store = adapters.records, adapters.catalogue, adapters.providers, adapters.store
    gate, submissions, conversations = records.gate, records.submissions, records.conversations
    settings, webhook_settings = adapters.settings, adapters.settings.webhooks
    transfer = OutputTransfer(
        records.outputs, adapters.downloader, store, adapters.media, at_once=settings.worker.transfers
    )
    learned = LearnedTimes(records.generation_times)
    polling = PollingActivities(
        submissions, records.queries, gate, records.late_outcomes, catalogue, providers, learned
    )
    starts, sandbox = records.start_conditions, settings.sandbox
    submission = SubmissionActivities(
        submissions,
        Routing(catalogue, providers, records.credential_health),
        store,
        settings.reachable_url,
        starts,
        sandbox,
        secret=adapters.secret,
    )
    generation = GenerationActivities(
        gate, records.queries, conversations, catalogue, adapters.generators, transfer, starts, sandbox
    )
    migration = MigrationActivities(
        gate, catalogue, providers, transfer, outputs_at_once=settings.worker.outputs_at_once
    )
    ending = EndingActivities(submissions, records.queries, gate, records.outputs, conversations, providers, store)
    workflows = TemporalJobWorkflows(client)
    batches = DatabaseBatchFeed(adapters.database, catalogue, daily_limit=settings.points.daily_limit)
    repair = _repair(client, adapters, workflows, ending, batches)
    retention = _retention(client, adapters, workflows)
    webhooks = WebhookActivities(adapters.deliveries, adapters.webhook_sender, webhook_settings.retry_schedule)
    return {
        WORKFLOWS: [BatchActivities(batches, records.starts, workflows).feed],
        PROVIDERS: [
            submission.submit,
            polling.watch,
            polling.watch_late,
            generation.begin_generating,
            generation.generate_stage,
            generation.finish_generating,
            ending.cancel_at_provider,
        ],
        MIGRATION: [migration.migrate, ending.end, ending.ask_to_be_canceled, repair.repair, retention.retain],
        WEBHOOKS: [webhooks.deliver],
    }


def _repair(
    client: Client,
    adapters: Adapters,
    workflows: TemporalJobWorkflows,
    ending: EndingActivities,
    batches: DatabaseBatchFeed,
) -> RepairActivities:
    records, settings = adapters.records, adapters.settings.worker
    return RepairActivities(
        records.gate,
        records.housekeeping,
        adapters.store,
        workflows,
        ending,
        batches,
        Rounds(TemporalSchedules(client), SCHEDULE_ID, every=settings.repair_every, longest=ONE_REPAIR),
        abandoned_after=settings.abandoned_after,
    )


def _retention(client: Client, adapters: Adapters, workflows: TemporalJobWorkflows) -> RetentionActivities:
    cancel_job = CancelJob(
        database=adapters.database, catalogue=adapters.catalogue, engine=TemporalJobEngine(_always(client))
    )
    cancel = partial(cancel_job, actor=ERASER, reason="Its user is erased.")
    every = adapters.settings.retention.every
    rounds = Rounds(TemporalSchedules(client), RETENTION_SCHEDULE_ID, every=every, longest=ONE_RETENTION)
    return RetentionActivities(adapters.records.retention, adapters.store, workflows, cancel, rounds)


def _always(client: Client) -> Callable[[], Awaitable[Client]]:
    async def connected() -> Client:
        return client

    return connected


def workflow_runner(*, versioned: bool = False, passed_through: Sequence[str] = PASSED_THROUGH) -> ContextFreeRunner:
    """Runs workflows in a sandbox that imports everything anew but what is passed through."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*passed_through)
    inside = VersionedWorkflowRunner if versioned else UnsandboxedWorkflowRunner
    return ContextFreeRunner(restrictions=restrictions, runner_class=inside)


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
    runtime = telemetry.runtime(settings.worker.metrics_address)
    version = settings.worker.version or aijobs_version()
    async with (
        exporting_traces(settings.traces, role=ProcessRole.WORKER, version=version),
        open_adapters(settings) as adapters,
    ):
        client = await connect(settings.payloads.ring, runtime)
        if runtime is not None:
            adapters.database.observe_by(telemetry.database_observer(runtime))
        installation = await adapters.database.write(installation_id)
        await claim_namespace(client, installation, repair_every=settings.worker.repair_every)
        await schedule_retention(client, every=settings.retention.every)
        async with AsyncExitStack() as running:
            process = registered(
                adapters.database,
                ProcessRole.WORKER,
                queues=queues,
                build=settings.worker.version,
                follow_levels=FollowedLevels(settings.log.levels).follow,
                facts=HostView(settings, temporal_certificates).facts,
            )
            await running.enter_async_context(process)
            if WEBHOOKS in queues:
                await running.enter_async_context(outbox_relay(client, adapters.deliveries))
            if WORKFLOWS in queues:
                await running.enter_async_context(start_relay(client, adapters.records.starts))
                await running.enter_async_context(expiry_relay(client, adapters.records.expiries))
                await running.enter_async_context(slot_relay(client, adapters.records.slot_grants))
                await running.enter_async_context(release_relay(client, adapters.records.releases))
            await running.enter_async_context(running_workers(build_workers(client, adapters, queues=queues)))
            shorten_collections()
            await stop.wait()
