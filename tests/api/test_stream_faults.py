"""A thousand readers that disconnect at random receive exactly the stored events."""

import asyncio
import json
import random
from collections import defaultdict
from dataclasses import replace

from sqlmodel import Session

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.event_log import EventFilter, log_after
from api.app import build_app
from api.dependencies import ApiDependencies
from api.server import serving
from tests.api.installation import ApiUnderTest
from tests.patience import http_client

OF_ONE_JOB = 930
OF_ALL = 70
JOBS = 20
UNIT_STEPS = (30.0, 60.0, 100.0)

EventIds = list[tuple[str, int]]


class ReconnectingReader:
    """Reads a stream over a socket, disconnects at random, and reconnects with the last id until it has all events."""

    def __init__(self, url: str, path: str, key: str, *, expected_count: int, rng: random.Random) -> None:
        self.received: EventIds = []
        self.connections = 0
        self._host, port = url.removeprefix("http://").split(":")
        self._port = int(port)
        self._path = path
        self._key = key
        self._expected_count = expected_count
        self._rng = rng
        self._last_id = b"0"

    async def read_all(self) -> None:
        await asyncio.sleep(self._rng.random())
        while len(self.received) < self._expected_count:
            self.connections += 1
            await self._connect_once(disconnect_after=self._rng.randint(1, self._expected_count))
            await asyncio.sleep(self._rng.random() / 5)

    async def _connect_once(self, *, disconnect_after: int) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        request = f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {self._key}\r\n"
        writer.write(request.encode() + b"Last-Event-ID: " + self._last_id + b"\r\n\r\n")
        try:
            async for line in reader:
                if line.startswith(b"id: "):
                    event_id = line[4:].strip()
                elif line.startswith(b"data: "):
                    event = json.loads(line[6:])
                    self.received.append((event["code"], event["seq"]))
                    self._last_id = event_id
                    disconnect_after -= 1
                    if disconnect_after == 0 or len(self.received) == self._expected_count:
                        return
                elif line == b"0\r\n":
                    return
        finally:
            writer.transport.abort()


async def run_job(api: ApiUnderTest, code: str, rng: random.Random) -> None:
    """Move the job to its end, as a worker would."""
    records = api.dependencies.records
    for status in (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING):
        await asyncio.sleep(rng.random())
        await records.gate.advance(code, status)
    for unit in UNIT_STEPS:
        await asyncio.sleep(0.3 + rng.random() / 2)
        await records.gate.progress(code, JobStatus.PROCESSING, unit)
    for status in (JobStatus.GENERATED, JobStatus.MIGRATING, rng.choice([JobStatus.SUCCESS, JobStatus.TIMEOUT])):
        await asyncio.sleep(rng.random() / 2)
        await api.push(code, status)


async def the_log(dependencies: ApiDependencies) -> EventIds:
    def work(session: Session) -> EventIds:
        return [(entry.event.code, entry.event.seq) for entry in log_after(session, EventFilter(), 0).entries]

    return await dependencies.database.read(work)


async def test_a_thousand_readers_who_come_and_go_hear_exactly_the_log(dependencies: ApiDependencies, key: str) -> None:
    rng = random.Random(7)
    settings = dependencies.settings.model_copy(update={"streams_per_key": 2 * (OF_ONE_JOB + OF_ALL)})
    dependencies = replace(dependencies, settings=settings, daily_limit=10_000)
    async with (
        serving(build_app(dependencies), dependencies.live, host="127.0.0.1", port=0) as url,
        http_client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        api = ApiUnderTest(url, dependencies, http)
        codes = [await api.job("ada") for _ in range(JOBS)]
        least = JOBS * 8
        log_readers = [
            ReconnectingReader(url, "/api/events", key, expected_count=least, rng=rng) for _ in range(OF_ALL)
        ]
        of_one: dict[str, list[ReconnectingReader]] = defaultdict(list)
        for number in range(OF_ONE_JOB):
            code = codes[number % JOBS]
            of_one[code].append(ReconnectingReader(url, f"/api/jobs/{code}/events", key, expected_count=7, rng=rng))
        everybody = [*log_readers, *(reader for readers in of_one.values() for reader in readers)]
        async with asyncio.timeout(120):
            await asyncio.gather(
                *(run_job(api, code, rng) for code in codes), *(reader.read_all() for reader in everybody)
            )
        log = await the_log(dependencies)

    assert all(reader.received == log[:least] for reader in log_readers)
    for code, readers in of_one.items():
        history = [(code, seq) for seq in range(1, 8)]
        assert all(reader.received == history for reader in readers)
    assert sum(reader.connections for reader in everybody) > 2 * len(everybody)
