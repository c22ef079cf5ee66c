"""Every alert is caused on the real stack, seen in the real Prometheus, and its runbook leads to the cause.

Nothing writes a metric: a provider answers 500, a receiver fails, somebody pauses a schedule, or leaves a transaction
open. The three alerts on processes that die are in test_prometheus.py.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from aijobs.domain.lifecycle import JobStatus
from cli.embedded.ports import HOST, free_port
from tests.adapters.webhooks.receiver import Receiver, answers
from tests.cli.command import aijobs_process
from tests.databases import POSTGRESQL, Databases
from tests.deploy.prometheus_server import Prometheus, prometheus, ready
from tests.deploy.runbooks import Desk
from tests.deploy.test_prometheus import alerts, needs_prometheus
from tests.stories.stack import PHOTO, UPSCALE, StoryStack, running_stack

SLOTS: Final = 4
USER: Final = "ada"
BROKEN: Final = answers("500 Internal Server Error")

NO_CODES: Final[Mapping[str, str]] = {}
LATE: Final = 31.0  #: seconds that results are there, before the provider says so: more than the alert allows
STUCK: Final = 14  #: seconds that a provider takes for an answer: as long as others wait for its place

OF_PROCESSES: Final = {"AijobsApiDown", "AijobsProcessLost", "AijobsQueueUnserved"}
OF_TROUBLE: Final = {
    "AijobsJobsFailFast",
    "AijobsJobsFailSlowly",
    "AijobsPollsFail",
    "AijobsPointsHeld",
    "AijobsRepairStale",
    "AijobsSubmissionsFail",
    "AijobsUnknownSubmissions",
    "AijobsWebhooksFail",
}
OF_WAITING: Final = {"AijobsQueueGrows", "AijobsLateNews"}
OF_DATABASE: Final = {"AijobsApiFailsFast", "AijobsApiFailsSlowly", "AijobsApiSlow", "AijobsDatabaseSlow"}

#: What the commands of a runbook must have said, for its reader to know the cause.
CAUSES: Final = {
    "AijobsJobsFailFast": "provider_rejected",
    "AijobsJobsFailSlowly": "provider_rejected",
    "AijobsPollsFail": "step_failed",
    "AijobsPointsHeld": "hasty_processing",
    "AijobsRepairStale": "paused",
    "AijobsSubmissionsFail": "rejected",
    "AijobsUnknownSubmissions": "unknown",
    "AijobsWebhooksFail": "500",
    "AijobsQueueGrows": "aijobs-providers",
    "AijobsLateNews": "error",
    "AijobsApiFailsFast": "request_failed",
    "AijobsApiFailsSlowly": "/api/jobs",
    "AijobsApiSlow": "/api/jobs",
    "AijobsDatabaseSlow": "CREATE INDEX",
}


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A stack that Prometheus watches, and the desk of whoever is on call."""

    stack: StoryStack
    prometheus: Prometheus
    desk: Desk
    receiver: Receiver
    database_url: str

    async def jobs_with(self, fault: str, *, count: int = 1, model: str = UPSCALE, pause: float = 0.0) -> list[str]:
        """Jobs whose provider does this to them, so many seconds after each other; their codes."""
        name, _, arg = fault.partition("=")
        self.stack.sandbox.misbehave(name, arg=arg or None, times=count, on="create")
        codes = []
        for _ in range(count):
            codes.append(await self.stack.submit(user=USER, model=model))
            await asyncio.sleep(pause)
        return codes

    async def wrong_runbooks(self, names: set[str], codes: Mapping[str, str] = NO_CODES) -> list[str]:
        """What is wrong with the runbooks of alerts that fire: commands that lead nowhere, or do not tell the cause."""
        wrong = []
        for name in sorted(names):
            text, problems = await self.desk.with_names(CODE=codes.get(name, "")).look(name)
            wrong += [f"{name}: {problem}" for problem in problems]
            if CAUSES[name] not in text:
                wrong.append(f"{name}: its commands do not tell of {CAUSES[name]!r}")
            import os
            if f := os.environ.get("TOLD"):
                with open(f, "a") as o: print("=====", name, "\n", text, file=o)
        return wrong


@asynccontextmanager
async def watched_installation(folder: Path, databases: Databases) -> AsyncIterator[Installation]:
    metrics, url = f"{HOST}:{free_port()}", databases.url(folder, POSTGRESQL)
    async with AsyncExitStack() as exits:
        receiver = await exits.enter_async_context(Receiver().running())
        settings = {
            "AIJOBS_DATABASE_URL": url,
            "AIJOBS_SECRET": "a secret of this test's own",
            "AIJOBS_ONE_HOST": "true",
            "AIJOBS_POSTGRESQL__LOCK_TIMEOUT": "2s",
            "AIJOBS_WORKER__METRICS_ADDRESS": metrics,
            "AIJOBS_WORKER__PROVIDER_CALLS": str(SLOTS),
            "AIJOBS_WEBHOOKS__ALLOW_HOSTS": receiver.host,
            "AIJOBS_WEBHOOKS__PAUSES": ",".join(["1s"] * 30),
        }
        made = await aijobs_process("keys", "create", "on call", "--json", folder=folder, **settings)
        (folder / "data").mkdir()
        (folder / "data" / "key").write_text(made.document["key"])
        stack = await exits.enter_async_context(running_stack(folder / "data", settings=settings))
        await ready(f"http://{metrics}", "/metrics")
        api = f"{stack.api.base_url.host}:{stack.api.base_url.port}"
        watching = await exits.enter_async_context(
            prometheus(folder / "prometheus", aijobs_api=api, aijobs_worker=metrics)
        )
        environment = stack.environment | {"AIJOBS_CLI__URL": str(stack.api.base_url).rstrip("/")}
        desk = Desk(
            environment=environment,
            prometheus=watching,
            database_url=url,
            logs=folder / "data" / "logs",
            bin=folder / "bin",
            names={"HOST:8080": api, "…": "replicate"},
        )
        desk.install_commands()
        yield Installation(stack=stack, prometheus=watching, desk=desk, receiver=receiver, database_url=url)


@needs_prometheus
async def test_every_alert_fires_on_its_trouble_and_its_runbook_names_the_cause(
    databases: Databases, tmp_path: Path
) -> None:
    assert CAUSES.keys() | OF_PROCESSES == alerts().keys()
    async with watched_installation(tmp_path, databases) as here:
        assert (await here.stack.statuses(await here.stack.submit(user=USER)))[-1] == "SUCCESS"
        await asyncio.sleep(3)
        assert await here.prometheus.firing() == {}

        codes = await trouble_with_others(here)
        await here.prometheus.until_all_fire(OF_TROUBLE)
        wrong = await here.wrong_runbooks(OF_TROUBLE, codes)

        await trouble_with_places(here)
        await here.prometheus.until_all_fire(OF_WAITING)
        wrong += await here.wrong_runbooks(OF_WAITING)

        async with transaction_left_open(here), requests_meanwhile(here):
            await here.prometheus.until_all_fire(OF_DATABASE)
            wrong += await here.wrong_runbooks(OF_DATABASE)
    assert wrong == []


async def trouble_with_others(here: Installation) -> dict[str, str]:
    """A provider and a receiver that fail, and somebody who pauses a schedule. Returns a job for each alert."""
    here.receiver.behaves(*[BROKEN] * 1000)
    endpoint = {"url": here.receiver.url, "user_id": USER}
    (await here.stack.api.post("/api/webhook-endpoints", json=endpoint)).raise_for_status()
    here.stack.sandbox.misbehave("cancel_ignored", times=0)
    (held,) = await here.jobs_with("never_finishes", model="hasty_processing")
    await here.stack.statuses(held)
    for code in await here.jobs_with("work_seconds=0.5", count=3):
        await here.stack.until(code, JobStatus.SUBMITTED)
    here.stack.sandbox.misbehave("server_error", on="get", times=0)
    (lost,) = await here.jobs_with("drop_before_accept")
    await here.stack.until(lost, JobStatus.SUBMITTED)
    refused = await here.jobs_with("reject_422", count=12, pause=0.4)
    await here.desk.run('temporal schedule toggle --pause --schedule-id aijobs-repair --reason "a migration of ours"')
    of_refused = dict.fromkeys(("AijobsJobsFailFast", "AijobsSubmissionsFail"), refused[0])
    return {"AijobsPointsHeld": held, "AijobsUnknownSubmissions": lost, **of_refused}


async def trouble_with_places(here: Installation) -> None:
    """A provider takes its time for each answer until every place is taken, and then says what it has long known."""
    await here.jobs_with(f"hang={STUCK}", count=3 * SLOTS)
    await asyncio.sleep(STUCK)
    here.stack.sandbox.behave()


@asynccontextmanager
async def transaction_left_open(here: Installation) -> AsyncIterator[None]:
    """Somebody makes an index by hand, and forgets to commit: until the end, nobody can write jobs."""
    async with await psycopg.AsyncConnection.connect(here.database_url) as connection:
        await connection.execute("CREATE INDEX by_hand ON job (model_id)")
        yield
        await connection.rollback()


@asynccontextmanager
async def requests_meanwhile(here: Installation) -> AsyncIterator[None]:
    """Callers who send jobs, whatever the answers are."""

    image = await here.stack.upload(PHOTO.read_bytes(), user=USER)
    body = {"model_id": UPSCALE, "params": {"image": image}, "user_id": USER}

    async def send() -> None:
        while True:
            await here.stack.api.post("/api/jobs", json=body)

    async with asyncio.TaskGroup() as callers:
        sending = [callers.create_task(send()) for _ in range(8)]
        yield
        for task in sending:
            task.cancel()
