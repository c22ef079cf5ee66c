"""The embedded Temporal server: it is ready when it is opened, keeps its data, and ends with the block."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest
from temporalio.client import Client

from cli.embedded.ports import free_port, is_free
from cli.embedded.processes import ProcessSpec, running
from cli.embedded.temporal_server import DATABASE, temporal_server
from cli.errors import CommandError
from tests.cli.command import all_processes_end, environment, processes_of
from tests.patience import http_client
from workflows.namespace.health import missing_attributes
from workflows.search_attributes import ALL_ATTRIBUTES


async def test_a_server_that_is_ready_knows_our_search_attributes() -> None:
    async with temporal_server(data_dir=None) as server:
        client = await Client.connect(server.address)

        assert await missing_attributes(client) == set()
        assert server.ui_url is None


def test_the_compose_file_names_the_same_search_attributes() -> None:
    composed = (Path(__file__).parents[2] / "deploy/compose.single.yml").read_text("utf-8")

    named = set(re.findall(r"--search-attribute=(\w+)=", composed))

    assert named == {attribute.name for attribute in ALL_ATTRIBUTES}


async def test_its_web_ui_answers_when_it_is_wanted() -> None:
    async with temporal_server(data_dir=None, ui_port=0) as server:
        assert server.ui_url is not None

        async with http_client(follow_redirects=True) as browser:
            page = await browser.get(server.ui_url)

    assert page.status_code == 200


async def test_what_it_knew_it_knows_after_a_restart(tmp_path: Path) -> None:
    async with temporal_server(data_dir=tmp_path) as server:
        client = await Client.connect(server.address)
        await client.start_workflow("Anything", id="kept", task_queue="nobody")

    async with temporal_server(data_dir=tmp_path) as server:
        client = await Client.connect(server.address)
        kept = await client.get_workflow_handle("kept").describe()

    assert kept.workflow_type == "Anything"


async def test_it_is_gone_when_the_block_ends() -> None:
    async with temporal_server(data_dir=None) as server:
        port = int(server.address.rpartition(":")[2])

    assert server.process.has_ended
    assert is_free(port)


async def test_a_port_that_is_taken_is_named() -> None:
    async with temporal_server(data_dir=None) as first:
        port = int(first.address.rpartition(":")[2])

        with pytest.raises(CommandError, match=f"port {port}"):
            async with temporal_server(data_dir=None, port=port):
                pass


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("no database")

    with pytest.raises(CommandError, match="The Temporal server ended with code 1") as refused:
        async with temporal_server(data_dir=tmp_path):
            pass

    assert "file is not a database" in "".join(refused.value.details)


async def test_a_process_ends_when_we_are_killed(tmp_path: Path) -> None:
    """The child of a parent that is killed with SIGKILL and cannot clean up."""
    script = """
import asyncio, sys
from pathlib import Path
from cli.embedded.temporal_server import temporal_server

async def main():
    async with temporal_server(data_dir=Path(sys.argv[1])):
        Path(sys.argv[1], "ready").touch()
        await asyncio.sleep(3600)

asyncio.run(main())
"""

    async def is_ready() -> bool:
        return (tmp_path / "ready").exists()

    spec = ProcessSpec(
        name="parent", command=(sys.executable, "-c", script, str(tmp_path)), environment=environment(tmp_path)
    )
    async with running(spec, is_ready=is_ready) as parent:
        assert len(processes_of(tmp_path)) == 2

        os.kill(parent.pid, signal.SIGKILL)

        assert await all_processes_end(tmp_path)


async def test_a_port_that_is_free_is_in_nobodys_way() -> None:
    assert is_free(free_port())
