"""The doctor names what is broken, says how to fix it, and changes nothing."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client

from aijobs.adapters.chat import MEMORY_FILE, ChatSettings
from aijobs.adapters.chat.supported_fields import Dialect, DialectMemory
from aijobs.bootstrap import open_adapters
from aijobs.domain.values.host_facts import Expiry, HostFacts, Room
from aijobs.persistence.access.installation import installation_id
from aijobs.persistence.processes import see
from aijobs.settings import GivenSettings
from cli.doctor.vendor_keys import vendor_keys
from cli.embedded.ports import free_port
from cli.embedded.temporal_server import temporal_server
from cli.errors import Exit
from sandbox.config import SandboxConfig
from sandbox.server import running as running_sandbox
from tests.cli.command import aijobs_process
from tests.cli.conftest import Command
from tests.persistence.test_processes import grow_old, process_row
from workflows.namespace.schedules import SCHEDULE_ID, schedule_repair

KEYED = {"Replicate": "REPLICATE", "TTAPI": "TTAPI", "Chat": "CHAT", "AWS Bedrock": "BEDROCK"}
TOKENS = tuple(f"AIJOBS_{section}__TOKEN" for section in KEYED.values())


def by_part(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["part"]: finding for finding in document["findings"]}


def test_a_fresh_machine_is_not_broken_and_stays_untouched(aijobs: Command, tmp_path: Path) -> None:
    folder = tmp_path / "not there yet"

    result = aijobs("doctor", "--json", AIJOBS_DATA_DIR=str(folder))

    found = by_part(result.document)
    assert result.code == Exit.SUCCESS
    assert found["Data"]["health"] == "off"
    assert found["Replicate"]["health"] == "off"
    assert not folder.exists()


def test_settings_of_temporal_that_cannot_be_read_are_one_finding_of_many(aijobs: Command, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere")

    result = aijobs("doctor", "--json", AIJOBS_DATA_DIR=str(tmp_path), TEMPORAL_API_KEY_FILE=missing)

    found = by_part(result.document)
    assert result.code == Exit.ERROR
    assert found["Temporal"]["health"] == "broken"
    assert f"TEMPORAL_API_KEY_FILE: {missing} cannot be read" in found["Temporal"]["told"]
    assert {"Hosts", "Database", "Store", "Key", "API"} <= found.keys()


@pytest.mark.parametrize("sections", [{}, {"replicate": {"token": "r8_x", "base_url": "http://127.0.0.1:1"}}])
async def test_the_sandbox_is_promised_only_where_it_would_start(sections: dict[str, Any]) -> None:
    found = [finding async for finding in vendor_keys(GivenSettings(**sections))]

    without_key = [finding for finding in found if finding.health == "off"]
    assert without_key
    assert {"sandbox" in finding.mend[0] for finding in without_key} == {not sections}
    assert {finding.mend[0].startswith("Set AIJOBS_") for finding in without_key} == {True}


def test_a_model_of_no_provider_is_named(aijobs: Command, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[models.ttapi_midjourney_v7]\nprovider = "lumagn"\n')

    result = aijobs("doctor", AIJOBS_CATALOGUE=str(own))

    assert result.code == Exit.ERROR
    assert "'ttapi_midjourney_v7' is wrong: there is no provider named 'lumagn' (known: azure_openai," in result.out


async def test_lost_processes_and_wrong_clocks_are_named(tmp_path: Path) -> None:
    async with open_adapters(GivenSettings(data_dir=tmp_path)) as adapters:
        for name, queue in (("w1", "a"), ("w2", "b")):
            await adapters.database.write(see, process_row(name, queue))
        await adapters.database.write(see, process_row("w3", "b"), clock=lambda: time.time() + 90)
        for name in ("w1", "w2"):
            await adapters.database.write(grow_old, name, 60)

    result = await aijobs_process("doctor", "--json", folder=tmp_path)

    told = [(one["health"], one["told"]) for one in result.document["findings"] if one["part"] == "Processes"]
    assert [health for health, _ in told] == ["ok", "doubt", "broken", "doubt"]
    assert told[0][1] == "1 worker of version 1.2"
    assert "host-of-w2 was last seen" in told[1][1]
    assert "host-of-w1 was last seen" in told[2][1]
    assert "host-of-w3 differs by 90 s" in told[3][1]


async def test_disks_certificates_and_a_paused_repair_are_named_with_what_to_do(tmp_path: Path) -> None:
    room = Room(what="temp", path="/elsewhere", free=1000, total=10**12)
    end = Expiry(what="certificate", name="https://ai.example.com", at=datetime(2020, 1, 2, tzinfo=UTC))
    facts = HostFacts(rooms=(room,), expiries=(end,)).model_dump(mode="json")
    async with open_adapters(GivenSettings(data_dir=tmp_path)) as adapters:
        await adapters.database.write(installation_id)
        await adapters.database.write(see, process_row("far") | {"facts": facts})

    async with temporal_server(data_dir=None) as temporal:
        client = await Client.connect(temporal.address)
        await schedule_repair(client, every=timedelta(hours=1))
        await client.get_schedule_handle(SCHEDULE_ID).pause()
        result = await aijobs_process("doctor", "--json", folder=tmp_path, TEMPORAL_ADDRESS=temporal.address)

    found = [one for one in result.document["findings"] if one["part"] in {"Health", "Repair"}]
    told = {one["told"]: one for one in found}
    assert told["host-of-far: the disk of /elsewhere is full, 1.0 KB free."]["health"] == "broken"
    assert told["The certificate of https://ai.example.com has expired (2020-01-02 00:00 UTC)."]["health"] == "broken"
    assert told["The schedule aijobs-repair is paused."]["health"] == "doubt"
    assert all(one["mend"] for one in found)
    assert result.code == Exit.ERROR


def test_wrong_settings_are_named_and_the_rest_is_left(aijobs: Command, tmp_path: Path) -> None:
    result = aijobs("doctor", AIJOBS_STORE__URL="ftp://x", AIJOBS_POINTS__DAILY_LIMIT="many")

    assert result.code == Exit.ERROR
    assert "AIJOBS_STORE__URL" in result.out
    assert "AIJOBS_POINTS__DAILY_LIMIT" in result.out
    assert "Traceback" not in result.err


def test_everything_that_is_broken_is_found_at_once(aijobs: Command, tmp_path: Path) -> None:
    (tmp_path / "aijobs.db").write_text("no database")
    (tmp_path / "store").touch()

    result = aijobs(
        *("doctor", "--json"),
        TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}",
        AIJOBS_REPLICATE__TOKEN="r8_x",
        AIJOBS_REPLICATE__BASE_URL=f"http://127.0.0.1:{free_port()}",
        AIJOBS_PUBLIC_URL=f"http://127.0.0.1:{free_port()}",
    )

    found = by_part(result.document)
    broken = {part for part, finding in found.items() if finding["health"] == "broken"}
    assert result.code == Exit.ERROR
    assert broken == {"Database", "Store", "Temporal", "Replicate", "API"}
    assert all(found[part]["mend"] for part in broken)


async def test_what_is_configured_is_asked(tmp_path: Path) -> None:
    config = SandboxConfig(port=0, tokens=frozenset({"r8_right"}))
    async with temporal_server(data_dir=None) as temporal, running_sandbox(config) as sandbox:
        settings = {
            "TEMPORAL_ADDRESS": temporal.address,
            "AIJOBS_REPLICATE__BASE_URL": sandbox.url,
            "AIJOBS_TTAPI__BASE_URL": sandbox.url,
            "AIJOBS_CHAT__BASE_URL": f"{sandbox.url}/openai/v1",
            "AIJOBS_BEDROCK__BASE_URL": sandbox.url,
            "AIJOBS_BEDROCK__ACCESS_KEY": "AKIDDOCTOR",
            "AIJOBS_BEDROCK__OUTPUT_URL": "s3://films/ours",
        }
        right, wrong = await asyncio.gather(
            *(
                aijobs_process("doctor", "--json", folder=tmp_path, **dict.fromkeys(TOKENS, token), **settings)
                for token in ("r8_right", "r8_wrong")
            )
        )

    assert by_part(right.document)["Temporal"]["health"] == "ok"
    assert {by_part(right.document)[part]["health"] for part in KEYED} == {"ok"}
    assert {by_part(wrong.document)[part]["health"] for part in KEYED} == {"broken"}
    assert "r8_wrong" not in wrong.out


@pytest.mark.parametrize("path", ["", "/openai"])
def test_an_address_without_an_api_is_broken_and_says_what_is_missing(
    aijobs: Command, tmp_path: Path, path: str
) -> None:
    with web_pages() as url:
        result = aijobs("doctor", "--json", AIJOBS_CHAT__TOKEN="sk-x", AIJOBS_CHAT__BASE_URL=url + path)

    chat = by_part(result.document)["Chat"]
    assert (chat["health"], "/v1" in chat["mend"][0]) == ("broken", True)
    assert "web page" in chat["told"]


def test_what_was_learned_of_the_chat_endpoint_is_shown(aijobs: Command, tmp_path: Path) -> None:
    with web_pages(b'{"data": []}') as url:
        settings = ChatSettings(base_url=url)
        with capture_logs():
            DialectMemory(tmp_path / MEMORY_FILE).keep(
                settings, replace(Dialect.of(settings), structured="json_object")
            )
        result = aijobs("doctor", "--json", AIJOBS_CHAT__TOKEN="sk-x", AIJOBS_CHAT__BASE_URL=url)

    assert "structured output: json_object" in by_part(result.document)["Chat"]["told"]


@contextmanager
def web_pages(body: bytes = b"<!doctype html><title>Welcome</title>") -> Iterator[str]:
    """A server that answers this to everything."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
