"""The alerts on hosts are caused: the disk of a process is small and filled, and a certificate is about to end."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from cli.embedded.ports import HOST, free_port
from cli.embedded.temporal_server import temporal_server
from tests.cli.command import environment, running
from tests.deploy.prometheus_server import prometheus, ready
from tests.deploy.runbooks import Desk, Reading
from tests.deploy.test_prometheus import needs_prometheus
from tests.domain.test_host_view import certificate, tls_server

OF_HOSTS: Final = frozenset({"AijobsDiskFull", "AijobsCertificateExpires"})
MIB: Final = 1024**2


@contextmanager
def small_disk(at: Path) -> Iterator[None]:
    """A disk of 16 MiB, which takes root to mount."""
    at.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", at], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


@needs_prometheus
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
async def test_a_full_disk_and_a_certificate_that_ends_fire_and_their_runbooks_lead_to_them(tmp_path: Path) -> None:
    folder, temp, address = tmp_path / "data", tmp_path / "small", f"{HOST}:{free_port()}"
    folder.mkdir()
    ending = certificate(datetime.now(UTC) + timedelta(days=5))
    async with temporal_server(data_dir=None) as temporal, tls_server(ending) as public_url:
        settings = {
            "TEMPORAL_ADDRESS": temporal.address,
            "AIJOBS_API__PORT": address.partition(":")[2],
            "AIJOBS_PUBLIC_URL": public_url,
            "TMPDIR": str(temp),
        }
        with small_disk(temp):
            async with running("api", folder=folder, **settings):
                await ready(f"http://{address}", "/healthz")
                async with prometheus(tmp_path / "prometheus", aijobs_api=address) as watching:
                    desk = Desk(
                        environment=environment(folder, **settings),
                        prometheus=watching,
                        database_url="",
                        logs=folder / "logs",
                        bin=tmp_path / "bin",
                        names={},
                    )
                    desk.install_commands()
                    await watching.until_firing("AijobsCertificateExpires")
                    assert "AijobsDiskFull" not in await watching.firing()
                    (temp / "left by a parser").write_bytes(b"\0" * (15 * MIB + MIB // 2))
                    disk = await watching.until_firing("AijobsDiskFull")
                    reading = Reading(desk)
                    looked = {name: await reading.look(name, {}) for name in OF_HOSTS}

    assert (disk["role"], disk["directory"]) == ("api", "temp")
    assert {name: problems for name, (_, problems) in looked.items() if problems} == {}
    assert str(temp) in looked["AijobsDiskFull"][0]
    assert public_url in looked["AijobsCertificateExpires"][0]
