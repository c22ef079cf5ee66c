"""A thousand readers who come and go at random hear exactly what was written."""

import asyncio
import json
import random
from collections import defaultdict
from dataclasses import replace

import httpx

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.event_log import EventFilter, log_after
from api.app import build_app
from api.dependencies import ApiDependencies
from api.server import serving
from tests.api.installation import ApiUnderTest

OF_ONE_JOB = 930
OF_ALL = 70
JOBS = 20
UNIT_STEPS = (30.0, 60.0, 100.0)

Heard = list[tuple[str, int]]


class Wanderer:
    """Reads a stream over a plain socket, leaves after a while, comes back with the last id, until it has it all."""

    def __init__(self, url: str, path: str, key: str, *, enough: int, dice: random.Random) -> None:
        self.heard: Heard = []
        self.visits = 0
        self._host, port = url.removeprefix("http://").split(":")
        self._port = int(port)
        self._path = path
        self._key = key
        self._enough = enough
        self._dice = dice
        self._last_id = b"0"

    async def wander(self) -> None:
        await asyncio.sleep(self._dice.random())
        while len(self.heard) < self._enough:
            self.visits += 1
            await self._visit(leave_after=self._dice.randint(1, self._enough))
            await asyncio.sleep(self._dice.random() / 5)

    async def _visit(self, *, leave_after: int) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        request = f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {self._key}\r\n"
        writer.write(request.encode() + b"Last-Event-ID: " + self._last_id + b"\r\n\r\n")
        try:
            async for line in reader:
                if line.startswith(b"id: "):
                    coming = line[4:].strip()
                elif line.startswith(b"data: "):
                    event = json.loads(line[6:])
                    self.heard.append((event["code"], event["seq"]))
                    self._last_id = coming
                    leave_after -= 1
                    if leave_after == 0 or len(self.heard) == self._enough:
                        return
                elif line == b"0\r\n":
                    return
        finally:
            writer.transport.abort()


async def run_job(api: ApiUnderTest, code: str, dice: random.Random) -> None:
    """Its whole life, as a worker would write it."""
    records = api.dependencies.records
    for status in (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING):
        await asyncio.sleep(dice.random())
        await records.gate.advance(code, status)
    for unit in UNIT_STEPS:
        await asyncio.sleep(0.3 + dice.random() / 2)
        await records.gate.progress(code, JobStatus.PROCESSING, unit)
    for status in (JobStatus.GENERATED, JobStatus.MIGRATING, dice.choice([JobStatus.SUCCESS, JobStatus.TIMEOUT])):
        await asyncio.sleep(dice.random() / 2)
        await api.push(code, status)


async def the_log(dependencies: ApiDependencies) -> Heard:
    async with dependencies.database.read() as session:
        return [(entry.event.code, entry.event.seq) for entry in await log_after(session, EventFilter(), 0)]


async def test_a_thousand_readers_who_come_and_go_hear_exactly_the_log(dependencies: ApiDependencies, key: str) -> None:
    dice = random.Random(7)
    settings = dependencies.settings.model_copy(update={"streams_per_key": 2 * (OF_ONE_JOB + OF_ALL)})
    dependencies = replace(dependencies, settings=settings, daily_limit=10_000)
    async with (
        serving(build_app(dependencies), dependencies.live, host="127.0.0.1", port=0) as url,
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as http,
    ):
        api = ApiUnderTest(url, dependencies, http)
        codes = [await api.job("ada") for _ in range(JOBS)]
        least = JOBS * 8
        of_all = [Wanderer(url, "/api/events", key, enough=least, dice=dice) for _ in range(OF_ALL)]
        of_one: dict[str, list[Wanderer]] = defaultdict(list)
        for number in range(OF_ONE_JOB):
            code = codes[number % JOBS]
            of_one[code].append(Wanderer(url, f"/api/jobs/{code}/events", key, enough=7, dice=dice))
        everybody = [*of_all, *(reader for readers in of_one.values() for reader in readers)]
        async with asyncio.timeout(120):
            await asyncio.gather(
                *(run_job(api, code, dice) for code in codes), *(reader.wander() for reader in everybody)
            )
        log = await the_log(dependencies)

    assert all(reader.heard == log[:least] for reader in of_all)
    for code, readers in of_one.items():
        history = [(code, seq) for seq in range(1, 8)]
        assert all(reader.heard == history for reader in readers)
    assert sum(reader.visits for reader in everybody) > 2 * len(everybody)
