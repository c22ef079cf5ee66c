"""The real stack on PostgreSQL, watched by the real Prometheus, with a desk for whoever is on call."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from cli.embedded.ports import HOST, free_port
from tests.adapters.webhooks.receiver import Receiver
from tests.cli.command import aijobs_process
from tests.deploy.prometheus_server import Prometheus, prometheus, ready
from tests.deploy.runbooks import Desk, Names, Reading
from tests.persistence.database.postgresql_server import PostgresqlServer, postgresql_server
from tests.stories.stack import MIDJOURNEY, UPSCALE, StoryStack, running_stack

USER: Final = "ada"
SLOTS: Final = 4  #: calls to providers at once


@dataclass(frozen=True, kw_only=True)
class WatchedStack:
    """A running one. `receiver` is where its webhooks go."""

    stack: StoryStack
    prometheus: Prometheus
    desk: Desk
    receiver: Receiver
    server: PostgresqlServer

    async def jobs_with(self, fault: str, *, count: int = 1, model: str = UPSCALE, pause: float = 0.0) -> list[str]:
        """Jobs whose provider does this to them, so many seconds after each other; their codes."""
        name, _, arg = fault.partition("=")
        self.stack.sandbox.misbehave(name, arg=arg or None, times=count, on="create")
        codes = []
        for _ in range(count):
            codes.append(await self.stack.submit(user=USER, model=model))
            await asyncio.sleep(pause)
        return codes

    async def picture(self) -> str:
        """A job of a model of TTAPI, which may have one at a time; its code."""
        body = {"model_id": MIDJOURNEY, "params": {"prompt": "a lighthouse"}, "user_id": USER}
        code: str = (await self.stack.api.post("/api/jobs", json=body)).raise_for_status().json()["code"]
        return code

    async def wrong_runbooks(self, causes: Mapping[str, str], about: Mapping[str, Names]) -> list[str]:
        """What is wrong with the runbooks of alerts that fire: commands that lead nowhere, or do not tell the cause.

        `causes` is what must be told, by the alert's name, and `about` what an alert is about: see `Names`.
        """
        reading = Reading(self.desk)
        looks = (reading.look(name, about.get(name, {})) for name in causes)
        wrong = []
        for name, (text, problems) in zip(causes, await asyncio.gather(*looks), strict=True):
            wrong += [f"{name}: {problem}" for problem in problems]
            if causes[name] not in text:
                wrong.append(f"{name}: its commands do not tell of {causes[name]!r}, but {text}")
        return wrong


@asynccontextmanager
async def watched_stack(folder: Path) -> AsyncIterator[WatchedStack]:
    metrics = f"{HOST}:{free_port()}"
    async with AsyncExitStack() as exits:
        server = exits.enter_context(postgresql_server())
        url = server.url(server.create_database())
        await asyncio.to_thread(upgrade_postgresql, make_url(url))
        receiver = await exits.enter_async_context(Receiver().running())
        settings = {
            "AIJOBS_DATABASE_URL": url,
            "AIJOBS_SECRET": "a secret of this test's own",
            "AIJOBS_ONE_HOST": "true",
            "AIJOBS_POSTGRESQL__LOCK_TIMEOUT": "2s",
            "AIJOBS_LIMITS__CREDENTIALS": json.dumps({"ttapi": {"in_flight": 1}}),
            "AIJOBS_WORKER__METRICS_ADDRESS": metrics,
            "AIJOBS_WORKER__PROVIDER_CALLS": str(SLOTS),
            "AIJOBS_WEBHOOKS__ALLOW_HOSTS": receiver.host,
            "AIJOBS_WEBHOOKS__PAUSES": ",".join(["1s"] * 30),
        }
        made = await aijobs_process("keys", "create", "on call", "--json", folder=folder / "data", **settings)
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / "key").write_text(made.document["key"])
        stack = await exits.enter_async_context(running_stack(folder / "data", settings=settings))
        await ready(f"http://{metrics}", "/metrics")
        api = f"{stack.api.base_url.host}:{stack.api.base_url.port}"
        targets = {"aijobs_api": api, "aijobs_worker": metrics}
        watching = await exits.enter_async_context(prometheus(folder / "prometheus", **targets))
        desk = Desk(
            environment=stack.environment | {"AIJOBS_CLI__URL": f"http://{api}"},
            prometheus=watching,
            database_url=url,
            logs=folder / "data" / "logs",
            bin=folder / "bin",
            names={"HOST:8080": api, '"…"': '"replicate"'},
        )
        desk.install_commands()
        yield WatchedStack(stack=stack, prometheus=watching, desk=desk, receiver=receiver, server=server)
