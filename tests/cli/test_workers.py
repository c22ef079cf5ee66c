"""Workers by role and version, and their health check, as operators and containers use them."""

import asyncio
import shutil
import time
from pathlib import Path

import pytest

from cli.embedded.temporal_server import temporal_server
from cli.errors import Exit
from cli.workers.health import FRESH_FOR, MAX_OUTAGE, WorkerBeat, health_problem, health_written
from tests.cli.command import CommandResult, aijobs_process, running

HEALTH_FILE = "AIJOBS_WORKER__HEALTH_FILE"


async def until_well(folder: Path, health_file: Path) -> None:
    async with asyncio.timeout(60):
        while (await checked(folder, health_file)).code != Exit.SUCCESS:
            await asyncio.sleep(0.2)


async def checked(folder: Path, health_file: Path) -> CommandResult:
    return await aijobs_process("worker", "--healthcheck", folder=folder, **{HEALTH_FILE: str(health_file)})


async def test_a_version_is_used_once_its_workers_serve_every_queue(tmp_path: Path) -> None:
    async with temporal_server(data_dir=None) as temporal:
        settings = {"TEMPORAL_ADDRESS": temporal.address, HEALTH_FILE: str(tmp_path / "health")}
        async with running("worker", "--version", "b1", "--queues", "workflows,providers", folder=tmp_path, **settings):
            await until_well(tmp_path, tmp_path / "health")
            early = await aijobs_process("versions", "use", "b1", "--wait", "0", folder=tmp_path, **settings)
            del settings[HEALTH_FILE]
            options = ("--version", "b1", "--queues", "migration, webhooks")
            async with running("worker", *options, folder=tmp_path, **settings):
                used = await aijobs_process("versions", "use", "b1", folder=tmp_path, **settings)
                listed = await aijobs_process("versions", "list", "--json", folder=tmp_path, **settings)

    assert early.code == Exit.ERROR
    assert "No worker of version b1 serves" in early.err
    assert "aijobs-webhooks" in early.err
    assert used.code == Exit.SUCCESS
    assert [(one["build_id"], one["status"], one["running"]) for one in listed.document["data"]] == [
        ("b1", "CURRENT", 0)
    ]


async def test_a_worker_without_a_health_file_has_no_check(tmp_path: Path) -> None:
    result = await aijobs_process("worker", "--healthcheck", folder=tmp_path)

    assert result.code == Exit.ERROR
    assert HEALTH_FILE in result.err


async def test_a_version_that_temporal_would_misread_is_refused(tmp_path: Path) -> None:
    result = await aijobs_process("worker", "--version", "a:b", folder=tmp_path)

    assert result.code == Exit.ERROR
    assert "AIJOBS_WORKER__VERSION" in result.err


async def test_a_health_file_is_written_again_when_its_disk_is_back(tmp_path: Path) -> None:
    path = tmp_path / "disk" / "health"
    path.parent.mkdir()
    probes = 0

    async def answers() -> bool:
        nonlocal probes
        probes += 1
        if probes == 1:
            shutil.rmtree(path.parent)
        elif not path.parent.exists():
            path.parent.mkdir()
        return True

    async with asyncio.timeout(60), health_written(path, answers, queues=["q"]):
        while probes < 1 or not path.exists():
            await asyncio.sleep(0.05)
        assert health_problem(path) is None
    assert not path.exists()


@pytest.fixture
def health_file(tmp_path: Path) -> Path:
    return tmp_path / "health"


def written(path: Path, *, age: float = 0, lost_for: float | None = None) -> None:
    now = time.time()
    lost_at = None if lost_for is None else now - lost_for
    path.write_text(WorkerBeat(pid=7, queues=["q"], written_at=now - age, temporal_lost_at=lost_at).model_dump_json())


def test_a_worker_that_writes_is_well_also_in_a_short_outage_of_temporal(health_file: Path) -> None:
    written(health_file, age=3)
    assert health_problem(health_file) is None

    written(health_file, lost_for=MAX_OUTAGE.total_seconds() / 2)
    assert health_problem(health_file) is None


def test_what_is_wrong_is_named(health_file: Path) -> None:
    assert "No worker writes" in str(health_problem(health_file))

    written(health_file, age=FRESH_FOR.total_seconds() + 5)
    assert "hangs, or is gone" in str(health_problem(health_file))

    written(health_file, lost_for=MAX_OUTAGE.total_seconds() + 5)
    assert "Temporal has not answered" in str(health_problem(health_file))

    health_file.write_text("{")
    assert "cannot be read" in str(health_problem(health_file))
