"""Secrets are nowhere; words are in the database, in the store, and in what their owner reads, and nowhere else."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import make_url

from aijobs.domain.values.payload_keys import PayloadKeys
from aijobs.persistence.access.first_key import ensure_first_key
from aijobs.persistence.database import opened_database
from cli.embedded.ports import free_port
from tests.adapters.storage.strict_s3_server import StrictS3
from tests.adapters.webhooks.receiver import Receiver
from tests.canary import evidence, scenes
from tests.canary.marks import WORDS, found_in, made_secret, merged, secret_settings, written_setting
from tests.canary.watched_processes import SeenProcesses, watched
from tests.databases import KINDS, POSTGRESQL, Databases
from tests.patience import http_client
from tests.stories.stack import StoryStack, running_stack
from workflows.data_converter import EncryptingCodec

#: All that an operator can have written into the log.
EVERYTHING: Final = "DEBUG,temporalio=INFO,uvicorn=INFO"

#: The id of a store's key is no secret: it is a part of every link that is signed with the key, as vendors get them.
ALLOWED: Final = {"database": {"AIJOBS_STORE__ACCESS_KEY"}}

DATABASE_PASSWORD: Final = "the database's password"


@dataclass(frozen=True)
class Traces:
    """What an installation has left behind. `secrets` are by setting, or by what they are for."""

    secrets: dict[str, str]
    jobs: dict[str, str]
    logs: bytes
    spans: bytes
    metrics: bytes
    raw_histories: bytes
    opened_histories: bytes
    workflow_ids: list[str]
    temporal_files: bytes
    database: bytes
    pages: bytes
    problems: bytes
    processes: SeenProcesses


@pytest.fixture(scope="module", params=KINDS)
async def left(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Traces]:
    folder = tmp_path_factory.mktemp("canary")
    planted = {setting: made_secret(setting) for setting in secret_settings()}
    is_encrypted = request.param == POSTGRESQL
    if not is_encrypted:  # else nobody could see whether there are words in a history
        del planted["AIJOBS_PAYLOADS__KEYS"]
    url, port = make_url(databases.url(folder, request.param)), free_port()
    if request.param == POSTGRESQL:
        url = url.set(password=planted.setdefault(DATABASE_PASSWORD, made_secret("")))
    async with (
        StrictS3().running() as s3,
        Receiver().running() as receiver,
        evidence.collecting() as (collector, spans),
    ):
        settings = {name: written_setting(name, secret) for name, secret in planted.items() if name.isupper()}
        settings |= {
            "AIJOBS_LOG__LEVELS": EVERYTHING,
            "AIJOBS_DATABASE_URL": url.render_as_string(hide_password=False),
            "AIJOBS_ONE_HOST": "true",
            "AIJOBS_AZURE_OPENAI__BASE_URL": "https://canary.openai.azure.com",
            "AIJOBS_STORE__URL": "s3://bucket/canary",
            "AIJOBS_STORE__ENDPOINT": s3.url,
            "AIJOBS_STORE__REGION": "us-east-1",
            "AIJOBS_STORE__ADDRESSING": "path",
            "AIJOBS_WEBHOOKS__ALLOW_HOSTS": receiver.host,
            "AIJOBS_WEBHOOKS__PAUSES": "200ms,200ms,200ms",
            "AIJOBS_TRACES__ENDPOINT": collector,
            "AIJOBS_WORKER__METRICS_ADDRESS": f"127.0.0.1:{port}",
        }
        async with opened_database(settings["AIJOBS_DATABASE_URL"]) as database:
            await ensure_first_key(database, planted["AIJOBS_SECRET"].encode(), folder)
        async with running_stack(folder, public=True, settings=settings) as stack:
            yield await everything(stack, receiver, planted, spans, folder, metrics_port=port)


async def everything(
    stack: StoryStack,
    receiver: Receiver,
    planted: dict[str, str],
    spans: list[bytes],
    folder: Path,
    *,
    metrics_port: int,
) -> Traces:
    ours = {process.pid for process in stack.processes.values()}
    async with watched({*ours, stack.temporal.process.pid}, ours=ours) as processes:
        jobs = await scenes.play_all(stack, receiver)
        secrets = planted | await scenes.told_secrets(stack, receiver, jobs)
        problems = await scenes.wrong_requests(stack, secrets)
        pages = await evidence.pages(stack, jobs["failed"])
    keys = planted.get("AIJOBS_PAYLOADS__KEYS")
    codec = EncryptingCodec(PayloadKeys.parse(written_setting("AIJOBS_PAYLOADS__KEYS", keys)) if keys else None)
    raw, opened, ids = await evidence.histories(await stack.temporal_client(), codec)
    async with http_client() as http:
        metrics = (await http.get(f"http://127.0.0.1:{metrics_port}/metrics")).content
        metrics += (await stack.api.get("/metrics")).content
    return Traces(
        secrets=secrets,
        jobs=jobs,
        logs=b"\n".join(evidence.files_below(folder, "*.log")),
        spans=b"\n".join(spans),
        metrics=metrics,
        raw_histories=raw,
        opened_histories=opened,
        workflow_ids=ids,
        temporal_files=b"\n".join(evidence.files_below(folder / "temporal", "temporal.db*")),
        database=evidence.database_dump(stack.environment["AIJOBS_DATABASE_URL"]),
        pages=pages,
        problems=problems,
        processes=processes,
    )


def test_what_is_searched_is_there(left: Traces) -> None:
    """Else nothing would be found in it for another reason."""
    assert set(WORDS) - {"receiver answer", "file content"} <= found_in(left.database, WORDS)
    assert "vendor text" in found_in(left.pages, WORDS)
    assert set(left.jobs.values()) <= set(left.workflow_ids)
    assert b"step_done" in left.logs  # at the lowest level
    assert b"step_failed" in left.logs
    assert b"RunActivity:submit" in left.spans
    assert b"aijobs_submissions_total" in left.metrics
    assert b"provider_failed" in left.raw_histories
    assert b"deadlines" in left.opened_histories
    assert left.jobs["failed"].encode() in left.temporal_files
    assert any(b"parser_process" in line for line in left.processes.environments)
    assert any(b"picture_process" in line for line in left.processes.environments)
    assert any(b"start-dev" in line for line in left.processes.environments)
    missing = set(secret_settings()) - set(left.secrets)
    assert missing <= {"AIJOBS_PAYLOADS__KEYS"}


@pytest.mark.parametrize(
    "where",
    [
        "logs",
        "spans",
        "metrics",
        "raw_histories",
        "opened_histories",
        "temporal_files",
        "database",
        "pages",
        "problems",
    ],
)
def test_no_secret_is_anywhere(left: Traces, where: str) -> None:
    assert found_in(getattr(left, where), left.secrets) <= ALLOWED.get(where, set())


@pytest.mark.parametrize(
    "where", ["logs", "spans", "metrics", "raw_histories", "opened_histories", "temporal_files", "problems"]
)
def test_words_are_where_their_owner_reads_them_alone(left: Traces, where: str) -> None:
    assert found_in(getattr(left, where), WORDS) == set()


def test_no_process_shows_any_of_it(left: Traces) -> None:
    seen = left.processes

    assert merged(found_in(line, left.secrets | WORDS) for line in seen.command_lines) == set()
    assert merged(found_in(variables, left.secrets | WORDS) for variables in seen.environments.values()) == set()
    assert [line for line, variables in seen.environments.items() if b"AIJOBS_" in variables] == []
