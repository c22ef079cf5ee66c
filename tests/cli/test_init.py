"""`aijobs init`: prepares database, store and Temporal, once and again, and several at once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg import sql
from temporalio.client import Client

from aijobs.persistence.database import LATEST_REVISION
from cli.embedded.temporal_server import TemporalServer, temporal_server
from tests.adapters.storage.swift_server import SwiftServer, swift_server
from tests.cli.command import CommandResult, aijobs_process
from tests.databases import Databases
from tests.persistence.database.postgresql_server import PostgresqlServer
from workflows.namespace.health import missing_attributes
from workflows.namespace.schedules import SCHEDULE_ID

SECRET = "a secret that all hosts have"
DATABASE = "jobs of a company"
NOWHERE = "postgresql://postgres@127.0.0.1:1/aijobs"


@pytest.fixture(scope="module")
async def temporal() -> AsyncIterator[TemporalServer]:
    async with temporal_server(data_dir=None) as server:
        yield server


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwiftServer]:
    with swift_server(tmp_path_factory.mktemp("swift")) as server:
        yield server


@dataclass(frozen=True)
class Unprepared:
    """Nothing is prepared: there is no database, no bucket, and no namespace."""

    folder: Path
    server: PostgresqlServer
    temporal: TemporalServer
    settings: dict[str, str]

    async def init(self, *options: str, **settings: str) -> CommandResult:
        return await aijobs_process("init", "--wait", "20", *options, folder=self.folder, **self.settings | settings)

    async def client(self) -> Client:
        return await Client.connect(self.temporal.address, namespace=self.settings["TEMPORAL_NAMESPACE"])

    def databases(self) -> list[tuple[object, ...]]:
        query = sql.SQL("SELECT datname FROM pg_database WHERE datname = {}").format(sql.Literal(DATABASE))
        return self.server.execute(query)


@pytest.fixture
def nothing(databases: Databases, temporal: TemporalServer, swift: SwiftServer, tmp_path: Path) -> Iterator[Unprepared]:
    server = databases.server
    settings = {
        "AIJOBS_DATABASE_URL": server.url(DATABASE.replace(" ", "%20")),
        "AIJOBS_SECRET": SECRET,
        "AIJOBS_STORE__URL": f"s3://{tmp_path.name.replace('_', '-')[:60]}/jobs",
        "AIJOBS_STORE__ENDPOINT": swift.endpoint,
        "AIJOBS_STORE__REGION": swift.region,
        "AIJOBS_STORE__ACCESS_KEY": swift.access_key,
        "AIJOBS_STORE__SECRET_KEY": swift.secret_key,
        "AIJOBS_STORE__ADDRESSING": "path",
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": tmp_path.name,
    }
    yield Unprepared(tmp_path, server, temporal, settings)
    server.drop_database(DATABASE)


async def test_it_makes_everything_and_says_so(nothing: Unprepared) -> None:
    first = await nothing.init()

    assert (first.code, first.err) == (0, "")
    assert f"made its tables, at revision {LATEST_REVISION}" in first.out
    assert "made the bucket" in first.out
    assert "it takes objects" in first.out
    assert "made the namespace" in first.out
    assert "added the search attributes JobModel, JobProgress, JobProvider, JobStatus, JobUser" in first.out
    assert f"made the schedule {SCHEDULE_ID}" in first.out
    assert nothing.databases()
    client = await nothing.client()
    assert not await missing_attributes(client)
    assert await client.get_schedule_handle(SCHEDULE_ID).describe()


async def test_a_second_time_it_finds_everything_and_changes_nothing(nothing: Unprepared) -> None:
    await nothing.init()

    second = await nothing.init()

    assert (second.code, second.err) == (0, "")
    assert "made" not in second.out
    assert "added" not in second.out
    assert f"is at revision {LATEST_REVISION}" in second.out


async def test_several_at_once_prepare_it_once(nothing: Unprepared) -> None:
    all_of_them = await asyncio.gather(*(nothing.init("--only", "database,temporal") for _ in range(3)))

    assert [result.code for result in all_of_them] == [0, 0, 0], [result.out + result.err for result in all_of_them]
    assert sum("made its tables" in result.out for result in all_of_them) == 1


async def test_what_cannot_be_reached_is_named_and_the_rest_is_prepared(nothing: Unprepared) -> None:
    result = await nothing.init("--wait", "0", "--only", "database,store", AIJOBS_DATABASE_URL=NOWHERE)

    assert result.code == 1
    assert "cannot be reached" in result.out
    assert "it takes objects" in result.out
    assert "Not prepared: database." in result.err


async def test_who_may_not_create_the_database_is_told_so(nothing: Unprepared) -> None:
    nothing.server.execute(sql.SQL("CREATE ROLE stranger LOGIN"))
    url = nothing.settings["AIJOBS_DATABASE_URL"].replace("postgres@", "stranger@")

    result = await nothing.init("--wait", "0", "--only", "database", AIJOBS_DATABASE_URL=url)

    assert result.code == 1
    assert "this user may not do that" in result.out
    assert "Traceback" not in result.err


async def test_api_and_worker_start_on_a_prepared_database_only(nothing: Unprepared) -> None:
    settings = nothing.settings | {"TEMPORAL_NAMESPACE": "default"}
    nothing.server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    refused = [await aijobs_process(part, folder=nothing.folder, **settings) for part in ("api", "worker")]

    assert [result.code for result in refused] == [1, 1]
    assert ["`aijobs init` makes them" in result.err for result in refused] == [True, True], refused
