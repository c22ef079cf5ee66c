"""Broken parts of an installation are reported with a remedy, never with a traceback."""

import asyncio
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aijobs.persistence.database import opened_database
from cli.embedded.ports import free_port
from cli.embedded.temporal_server import temporal_server
from cli.errors import Exit
from tests.cli.command import CommandResult, aijobs_process, running

NO_TEMPORAL = {"TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}"}


def by_part(result: CommandResult) -> dict[str, dict[str, Any]]:
    return {finding["part"]: finding for finding in result.document["findings"]}


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A data directory on a read-only disk, also for root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("No disk can be mounted here.")
    asyncio.run(_create_database(disk))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def _create_database(disk: Path) -> None:
    async with opened_database(f"sqlite:///{disk}/aijobs.db"):
        pass


@pytest.mark.parametrize("arguments", [("api",), ("points", "limit", "ada", "7"), ("keys", "create", "x")])
async def test_a_read_only_database_is_no_traceback(read_only: Path, arguments: tuple[str, ...]) -> None:
    result = await aijobs_process(*arguments, folder=read_only, AIJOBS_SECRET="a secret that is long enough")

    assert result.code == Exit.ERROR, result
    assert "Error: The database cannot be used" in result.err
    assert "Traceback" not in result.err


async def test_the_doctor_writes_to_the_database(read_only: Path) -> None:
    found = by_part(await aijobs_process("doctor", "--json", folder=read_only, **NO_TEMPORAL))

    assert found["Database"]["health"] == "broken"
    assert found["Database"]["mend"]


async def test_what_is_no_database_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "aijobs.db").write_text("no database at all, but long enough to be read as one" * 100)

    result = await aijobs_process("points", "check", folder=tmp_path)

    assert "the file is no database" in result.err
    assert "Traceback" not in result.err


async def test_a_missing_namespace_is_named_with_its_remedy(tmp_path: Path) -> None:
    async with temporal_server(data_dir=None) as temporal:
        settings = {"TEMPORAL_ADDRESS": temporal.address, "TEMPORAL_NAMESPACE": "nowhere"}
        worker, up, examined = await asyncio.gather(
            aijobs_process("worker", folder=tmp_path / "worker", **settings),
            aijobs_process("up", "--api-port", str(free_port()), folder=tmp_path / "up", **settings),
            aijobs_process("doctor", "--json", folder=tmp_path / "doctor", **settings),
        )

    for result in (worker, up):
        assert result.code != 0
        assert "Temporal has no namespace nowhere." in result.err
        assert "temporal operator namespace create --namespace nowhere" in result.err
        assert "Traceback" not in result.err
    finding = by_part(examined)["Temporal"]
    assert finding["health"] == "broken"
    assert finding["mend"][0] == "temporal operator namespace create --namespace nowhere"


async def test_the_doctor_looks_for_workers_and_for_jobs_that_wait(tmp_path: Path) -> None:
    port = free_port()
    async with temporal_server(data_dir=None) as temporal:
        settings = {"TEMPORAL_ADDRESS": temporal.address, "AIJOBS_API__PORT": str(port)}
        nothing_runs = by_part(await aijobs_process("doctor", "--json", folder=tmp_path, **settings))
        async with running("api", folder=tmp_path, AIJOBS_REPLICATE__TOKEN="r8_test", **settings):
            await _wait_for_listener(port)
            order = ("submit", "replicate_imageupscale_v1", "--image", "https://a.example/a.jpg")
            assert (await aijobs_process(*order, folder=tmp_path, **settings)).code == 0
            _age_jobs(tmp_path / "aijobs.db")
            no_worker = await aijobs_process("doctor", "--json", folder=tmp_path, **settings)

    assert nothing_runs["Workers"]["health"] == "off"
    found = by_part(no_worker)
    assert no_worker.code == Exit.ERROR
    assert {part for part, finding in found.items() if finding["health"] == "broken"} >= {"Workers", "Jobs", "API"}
    assert "/queues/aijobs" in found["API"]["told"]


async def _wait_for_listener(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return


def _age_jobs(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE job SET create_time = datetime('now', '-1 hour')")
