"""An API whose PostgreSQL goes away: it says so, tells callers when to come again, and goes on by itself."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import make_url

from aijobs.persistence.access.first_key import ensure_first_key
from aijobs.persistence.database.postgresql_schema import upgrade_postgresql
from aijobs.persistence.postgresql_settings import PostgresqlSettings
from api.auth.credentials import Credentials
from api.streaming.hub import EventHub
from api.streaming.open_streams import OpenStream
from api.streaming.progress import ProgressStream
from api.streaming.subscriptions import StreamEnd
from tests.api.conftest import opened_dependencies
from tests.api.installation import ApiUnderTest, opened_installation
from tests.persistence.database.postgresql_server import SAFE, PostgresqlServer, postgresql_server
from workflows.client import TemporalJobEngine

HASTY: Final = PostgresqlSettings(writers=2, readers=2, reconnect_for=timedelta(milliseconds=200))


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    with postgresql_server(options=SAFE) as server:
        upgrade_postgresql(make_url(server.url("aijobs")))
        yield server


@pytest.fixture
async def api(server: PostgresqlServer, engine: TemporalJobEngine, tmp_path: Path) -> AsyncIterator[ApiUnderTest]:
    url = server.url("aijobs")
    async with opened_dependencies(tmp_path, engine, database_url=url, postgresql=HASTY) as dependencies:
        key = await ensure_first_key(dependencies.database, dependencies.secret, tmp_path)
        async with opened_installation(replace(dependencies, engine=engine), key) as installation:
            yield installation


async def test_callers_are_told_to_come_again_and_nothing_is_half_done(
    api: ApiUnderTest, server: PostgresqlServer
) -> None:
    headers = {"Idempotency-Key": "one"}
    before = await api.job()
    server.kill()

    refused = [await api.submit(headers=headers), await api.http.get(f"/api/jobs/{before}")]
    readiness = await api.http.get("/readyz")
    alive = await api.http.get("/healthz")
    figures = await api.http.get("/metrics")
    server.start()
    accepted = await api.submit(headers=headers)
    again = await api.submit(headers=headers)
    listed = await api.http.get("/api/jobs", headers={"Aijobs-User": "ada"})

    assert [answer.status_code for answer in refused] == [503, 503]
    assert [answer.json()["code"] for answer in refused] == ["database_unavailable"] * 2
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert readiness.status_code == 503
    problems = {error["pointer"]: error["message"] for error in readiness.json()["errors"]}
    assert "database" in problems["/database"]
    assert alive.status_code == 200
    assert "aijobs_database_reachable 0.0" in figures.text
    assert 'aijobs_http_request_seconds_count{method="POST",route="/api/jobs",status="5xx"} 1.0' in figures.text
    assert (accepted.status_code, again.status_code) == (202, 202)
    assert accepted.json()["code"] == again.json()["code"]
    assert [job["code"] for job in listed.json()["data"]] == [accepted.json()["code"], before]


async def test_a_stream_that_waits_for_its_job_ends_and_does_not_break(
    api: ApiUnderTest, server: PostgresqlServer
) -> None:
    stream = OpenStream(Credentials(key_id="0123456789abcdef"))
    hub = EventHub(api.dependencies.database, flow_timeout=timedelta(milliseconds=1))
    waiting = ProgressStream(task_id="mine", user_id="ada", is_generated=False, code=None, after=0)
    server.kill()

    frames = [frame async for frame in waiting.frames(hub, stream)]

    assert frames[0].startswith(b"retry: ")
    assert stream.ending is StreamEnd.DATABASE_ERROR
