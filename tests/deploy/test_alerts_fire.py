"""Every alert is caused on the real stack, seen in the real Prometheus, and its runbook leads to the cause.

Nothing writes a metric: a provider answers 500, a receiver fails, a store is gone, somebody pauses a schedule or leaves
a transaction open, the database dies, and then a worker and an API.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psycopg

from aijobs.domain.lifecycle import JobStatus
from tests.adapters.webhooks.receiver import answers
from tests.deploy.runbooks import Desk, Names
from tests.deploy.test_alerts_of_hosts import OF_HOSTS
from tests.deploy.test_prometheus import alerts, needs_prometheus
from tests.deploy.watched_stack import SLOTS, USER, WatchedStack, watched_stack
from tests.stories.stack import PHOTO, UPSCALE

BROKEN: Final = answers("500 Internal Server Error")
FAILED_WEBHOOK: Final = "aijobs webhooks deliveries --state failed --limit 1"
REPAIRS: Final = "temporal workflow list --query \"WorkflowType='Repair'\" --limit 1 --output json"
UNMOUNTED: Final = "unmounted"
STUCK: Final = 14  #: seconds that a provider takes for an answer: so long do others wait for its place

#: The alerts of each trouble, and what the commands of their runbooks must say for a reader to know the cause.
OF_OTHERS: Final = {
    "AijobsJobsFailFast": "provider_rejected",
    "AijobsJobsFailSlowly": '"error": {"code": "provider_rejected"',
    "AijobsPaused": "bob is on holiday",
    "AijobsPointsHeld": "provider_unavailable",
    "AijobsPollsFail": "why=provider_unavailable",
    "AijobsRepairStale": "a migration of ours",
    "AijobsSlotsFull": "ttapi: in_flight",
    "AijobsSubmissionsFail": "provider_rejected",
    "AijobsUnknownSubmissions": "answer was lost",
    "AijobsWebhooksFail": "500",
}
OF_SLOWNESS: Final = {
    "AijobsLateNews": "'news': 'error'",
    "AijobsQueueGrows": "{'task_queue': 'aijobs-providers'} 0",
    "AijobsStoreFails": "why=store_unavailable",
}
OF_TRANSACTION: Final = {
    "AijobsApiFailsFast": "reason=",
    "AijobsApiFailsSlowly": "route=/api/jobs status=503",
    "AijobsApiSlow": "'statement': 'idempotency.run_idempotently'",
    "AijobsDatabaseSlow": "CREATE INDEX by_hand",
}
OF_DATABASE: Final = {"AijobsDatabaseDown": "cannot be reached"}
OF_WORKER: Final = dict.fromkeys(("AijobsProcessLost", "AijobsQueueUnserved"), "nobody has stopped it")
OF_API: Final = {"AijobsApiDown": "nobody has stopped it"}


@needs_prometheus
async def test_every_alert_fires_on_its_trouble_and_its_runbook_leads_to_the_cause_and_out(tmp_path: Path) -> None:
    known = OF_OTHERS | OF_SLOWNESS | OF_TRANSACTION | OF_DATABASE | OF_WORKER | OF_API
    assert known.keys() | OF_HOSTS == alerts().keys()
    async with watched_stack(tmp_path) as here:
        assert (await here.stack.statuses(await here.stack.submit(user=USER)))[-1] == "SUCCESS"
        await asyncio.sleep(3)
        assert await here.prometheus.firing() == {}

        about = await trouble_with_others(here)
        await here.prometheus.until_all_fire(OF_OTHERS.keys())
        wrong = await here.wrong_runbooks(OF_OTHERS, about)
        await trouble_is_over(here, about)

        store = tmp_path / "data" / "store"
        await trouble_with_slowness(here, store)
        await here.prometheus.until_all_fire(OF_SLOWNESS.keys())
        wrong += await here.wrong_runbooks(OF_SLOWNESS, {})
        mount_again(store)

        async with transaction_left_open(here), requests_meanwhile(here):
            await here.prometheus.until_all_fire(OF_TRANSACTION.keys())
            wrong += await here.wrong_runbooks(OF_TRANSACTION, {})
            await end_oldest_transaction(here)

        here.server.kill()
        await here.prometheus.until_all_fire(OF_DATABASE.keys())
        wrong += await here.wrong_runbooks(OF_DATABASE, {})
        here.server.start()
        await here.prometheus.until_quiet(OF_DATABASE.keys())

        for process, causes in (("worker", OF_WORKER), ("api", OF_API)):
            await here.stack.kill(process)
            await here.prometheus.until_all_fire(causes.keys())
            wrong += await here.wrong_runbooks(causes, {})
    assert wrong == []


async def trouble_with_others(here: WatchedStack) -> dict[str, Names]:
    """A provider and a receiver fail, a line is long, and people pause things. Returns what each alert is about."""
    here.receiver.behaves(*[BROKEN] * 1000)
    endpoint = {"url": here.receiver.url, "user_id": USER}
    (await here.stack.api.post("/api/webhook-endpoints", json=endpoint)).raise_for_status()
    await here.desk.run('aijobs pause user bob --why "bob is on holiday"')
    await here.stack.submit(user="bob")
    here.stack.sandbox.misbehave("never_finishes")
    await here.stack.until(await here.picture(), JobStatus.SUBMITTED)
    waiting = await here.picture()
    here.stack.sandbox.misbehave("cancel_ignored", times=0)
    (held,) = await here.jobs_with("never_finishes", model="hasty_processing")
    await here.stack.statuses(held, user=USER)
    for code in await here.jobs_with("work_seconds=0.5", count=3):
        await here.stack.until(code, JobStatus.SUBMITTED)
    here.stack.sandbox.misbehave("server_error", on="get", times=0)
    (lost,) = await here.jobs_with("drop_before_accept")
    await here.stack.until(lost, JobStatus.SUBMITTED)
    refused = await here.jobs_with("reject_422", count=12, pause=0.4)
    repairs = json.loads(await here.desk.run(REPAIRS))
    await here.desk.run('temporal schedule toggle --pause --schedule-id aijobs-repair --reason "a migration of ours"')
    return {
        "AijobsPointsHeld": {"CODE": held},
        "AijobsRepairStale": {"WORKFLOW_ID": repairs[0]["execution"]["workflowId"]},
        "AijobsUnknownSubmissions": {"CODE": lost},
        "AijobsSlotsFull": {"CODE": waiting},
        "AijobsJobsFailFast": {"CODE": refused[0]},
        "AijobsSubmissionsFail": {"CODE": refused[0]},
    }


async def given_up(desk: Desk) -> str:
    """A webhook of which every attempt has failed: the last may still be to come. Its code."""
    async with asyncio.timeout(60):
        while not (found := re.findall(r"hook_\w+", await desk.run(FAILED_WEBHOOK))):
            await asyncio.sleep(1)
    return str(found[0])


async def trouble_is_over(here: WatchedStack, about: Mapping[str, Names]) -> None:
    """What the runbooks say is done, and the alerts on what is there end with it."""
    desk = here.desk
    pauses, hook = await asyncio.gather(desk.run("aijobs pauses"), given_up(desk))
    (pause,) = re.findall(r"pause_\w+", pauses)
    here.receiver.script.clear()
    unpause = 'temporal schedule toggle --unpause --schedule-id aijobs-repair --reason "repair is needed"'
    await asyncio.gather(
        desk.do("AijobsRepairStale", unpause),
        desk.do("AijobsPaused", "aijobs resume PAUSE", PAUSE=pause),
        desk.do("AijobsUnknownSubmissions", "aijobs cancel CODE", **about["AijobsUnknownSubmissions"]),
        desk.do(
            "AijobsPointsHeld",
            'aijobs resolve CODE --refund --why "not on their bill"',
            **about["AijobsPointsHeld"],
        ),
        desk.do("AijobsWebhooksFail", "aijobs webhooks replay hook_…", **{"hook_…": hook}),
    )
    await here.prometheus.until_quiet(
        {"AijobsRepairStale", "AijobsPaused", "AijobsUnknownSubmissions", "AijobsPointsHeld"}
    )


async def trouble_with_slowness(here: WatchedStack, store: Path) -> None:
    """A provider takes its time for each answer, and then says what it has long known; the store is gone by then."""
    await here.jobs_with(f"hang={STUCK}", count=3 * SLOTS)
    await asyncio.sleep(STUCK)
    store.rename(store.with_name(UNMOUNTED))
    store.touch()
    here.stack.sandbox.behave()


def mount_again(store: Path) -> None:
    store.unlink()
    store.with_name(UNMOUNTED).rename(store)


@asynccontextmanager
async def transaction_left_open(here: WatchedStack) -> AsyncIterator[None]:
    """Somebody makes an index by hand, and forgets to commit: nobody can write jobs until that is ended."""
    connection = await psycopg.AsyncConnection.connect(here.desk.database_url)
    try:
        await connection.execute("CREATE INDEX by_hand ON job (model_id)")
        yield
    finally:
        await connection.close()


@asynccontextmanager
async def requests_meanwhile(here: WatchedStack) -> AsyncIterator[None]:
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


async def end_oldest_transaction(here: WatchedStack) -> None:
    """As the runbook says; then what waited for it is accepted."""
    look = "SELECT pid FROM pg_stat_activity WHERE state <> 'idle' ORDER BY xact_start LIMIT 1"
    (pid,) = re.findall(r"\d+", await asyncio.to_thread(here.desk.select, look))
    await here.desk.do("AijobsDatabaseSlow", "SELECT pg_terminate_backend(PID)", PID=pid)
    await here.stack.submit(user=USER)
