"""`aijobs sandbox …` says how a running sandbox behaves."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from cli.errors import Exit
from sandbox.config import SandboxConfig
from sandbox.server import RunningSandbox, running
from tests.cli.command import CommandResult, aijobs_process
from tests.clients.scripted_server import raw_response, scripted_server


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with running(SandboxConfig(port=0)) as sandbox:
        yield sandbox


async def told(sandbox: RunningSandbox, folder: Path, *arguments: str) -> CommandResult:
    return await aijobs_process("sandbox", *arguments, "--url", sandbox.url, folder=folder)


async def test_faults_are_armed_listed_and_cleared(sandbox: RunningSandbox, tmp_path: Path) -> None:
    made = await told(sandbox, tmp_path, "fault", "throttled=2@get*3", "--json")
    listed = await told(sandbox, tmp_path, "faults", "--armed")
    known = await told(sandbox, tmp_path, "faults")
    cleared = await told(sandbox, tmp_path, "clear")
    after = await told(sandbox, tmp_path, "faults", "--armed")

    assert made.document == {"fault": "throttled", "arg": "2", "on": "get", "times": 3}
    assert "throttled" in listed.out
    assert "accepts the call, then closes the connection" in known.out
    assert cleared.code == Exit.SUCCESS
    assert "None is armed." in after.out


async def test_an_unknown_fault_is_named(sandbox: RunningSandbox, tmp_path: Path) -> None:
    unknown = await told(sandbox, tmp_path, "fault", "acept_then_drop")
    unreadable = await told(sandbox, tmp_path, "fault", "=@")

    assert (unknown.code, "acept_then_drop" in unknown.err) == (Exit.ERROR, True)
    assert (unreadable.code, "'=@'" in unreadable.err) == (Exit.USAGE, True)


async def test_pace_and_clock_are_changed(sandbox: RunningSandbox, tmp_path: Path) -> None:
    pace = await told(sandbox, tmp_path, "pace", "--work-seconds", "0.5", "--json")
    before = await told(sandbox, tmp_path, "clock", "--json")
    after = await told(sandbox, tmp_path, "clock", "7200", "--json")
    await told(sandbox, tmp_path, "reset")
    reset = await told(sandbox, tmp_path, "clock", "--json")

    assert pace.document["work_seconds"] == 0.5
    assert (before.document["ahead_seconds"], after.document["ahead_seconds"]) == (0, 7200)
    passed = datetime.fromisoformat(after.document["now"]) - datetime.fromisoformat(before.document["now"])
    assert passed.total_seconds() >= 7200
    assert reset.document["ahead_seconds"] == 0


async def test_the_account_of_submits_is_printed(sandbox: RunningSandbox, tmp_path: Path) -> None:
    ledger = await told(sandbox, tmp_path, "ledger")

    assert json.loads(ledger.out)["data"] == []


async def test_a_sandbox_that_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = await aijobs_process("sandbox", "pace", folder=tmp_path)
    away = await aijobs_process("sandbox", "pace", "--url", "http://127.0.0.1:9", folder=tmp_path)

    assert (nowhere.code, "No sandbox runs here" in nowhere.err) == (Exit.ERROR, True)
    assert (away.code, "127.0.0.1:9" in away.err) == (Exit.UNREACHABLE, True)


async def test_what_is_no_sandbox_is_named(tmp_path: Path) -> None:
    async with scripted_server(raw_response(200, b"<html>", length=6)) as page:
        result = await aijobs_process("sandbox", "faults", "--url", page.url, folder=tmp_path)

    assert (result.code, result.err.strip()) == (Exit.UNREACHABLE, f"Error: {page.url} is no sandbox.")
