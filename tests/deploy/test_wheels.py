"""The wheels of server and client: everything is in them, and they run where nothing of the checkout is."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import Final

import pytest

from cli.embedded.ports import free_ports

ROOT: Final = Path(__file__).parents[2]
CLIENT: Final = ROOT / "clients" / "python"
PRODUCT: Final = ("activities", "aijobs", "api", "cli", "dashboard", "sandbox", "workflows")
NEVER_COPIED: Final = shutil.ignore_patterns("__pycache__", "node_modules", "*.egg-info", "build")
TIMEOUT: Final = 240.0

BUILD: Final = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"

#: A user's program: only the client's wheel, httpx and pydantic are used.
USER: Final = """
import json, sys
from pathlib import Path
import aijobs_client
url, key, photo, folder = sys.argv[1:]
with aijobs_client.Client(url=url, key=key, user="ada") as client:
    uploaded = client.upload(photo)
    job = client.submit("replicate_imageupscale_v1", {"image": uploaded.code})
    done = client.wait(job.code, timeout=180)
    files = client.download(done, folder)
print(json.dumps({"from": aijobs_client.__file__, "status": done.job_status_name, "files": [str(f) for f in files]}))
"""


@dataclass(frozen=True)
class Installed:
    """A virtual environment with both wheels, and their files."""

    folder: Path
    server: Path
    client: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the checkout, and no setting. `temporal` is a program of a dependency."""
        programs = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin"
        return {"PATH": programs, "HOME": str(self.folder), "LANG": "C.UTF-8"}

    def run(self, *command: str | Path) -> str:
        ran = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Dependencies are those of the environment that the tests run in, put behind the wheels."""
    folder = tmp_path_factory.mktemp("wheels")
    server, client = (
        _built(_copied_server(folder / "server"), folder),
        _built(_copied_client(folder / "client"), folder),
    )
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=TIMEOUT)
    install = ["-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--no-deps", "--no-index"]
    subprocess.run(
        [sys.executable, *install, "--disable-pip-version-check", "--quiet", str(server), str(client)],
        check=True,
        timeout=TIMEOUT,
    )
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return Installed(environment, server, client)


def _copied_server(folder: Path) -> Path:
    """A build leaves files beside its source."""
    for name in (*PRODUCT, "clients"):
        shutil.copytree(ROOT / name, folder / name, ignore=NEVER_COPIED)
    for name in ("worker.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def _copied_client(folder: Path) -> Path:
    shutil.copytree(CLIENT, folder, ignore=NEVER_COPIED)
    return folder


def _built(source: Path, into: Path) -> Path:
    command = [sys.executable, "-c", BUILD, str(into)]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True, timeout=TIMEOUT)
    return into / built.stdout.split()[-1]


def files_in(wheel: Path) -> set[str]:
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if ".dist-info/" not in name}


def metadata_of(wheel: Path) -> Message:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_string(archive.read(name).decode())


def files_of(*folders: Path, root: Path) -> Iterator[str]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root).as_posix()


def test_the_servers_wheel_holds_every_file_of_the_product_and_nothing_else(installed: Installed) -> None:
    expected = {*files_of(*(ROOT / name for name in PRODUCT), root=ROOT), "worker.py"}

    assert files_in(installed.server) == expected
    assert any(name.startswith("aijobs/persistence/migrations/versions/") for name in expected)
    assert "aijobs/domain/values/languages/zh.toml" in expected


def test_the_clients_wheel_holds_the_client_alone(installed: Installed) -> None:
    assert files_in(installed.client) == set(files_of(CLIENT / "aijobs_client", root=CLIENT))


@pytest.mark.parametrize("which", ["server", "client"])
def test_what_a_wheel_says_of_itself(installed: Installed, which: str) -> None:
    metadata = metadata_of(getattr(installed, which))

    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload()
    assert "Typing :: Typed" in (metadata.get_all("Classifier") or [])
    links = metadata.get_all("Project-URL") or []
    assert links == []  # none is known, and none is made up


def test_both_licenses_are_the_same() -> None:
    assert (CLIENT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_command_says_its_version_outside_of_the_checkout(installed: Installed) -> None:
    version = metadata_of(installed.server)["Version"]

    assert installed.run(installed.folder / "bin" / "aijobs", "--version").strip() == f"aijobs {version}"
    where = installed.run(installed.python, "-c", "import cli.main, worker; print(cli.main.__file__, worker.__file__)")
    assert all(path.startswith(str(installed.folder)) for path in where.split())


async def test_it_runs_a_job_and_serves_its_pages(installed: Installed, tmp_path: Path) -> None:
    api, *ports = free_ports(4)
    data = tmp_path / "data"
    options = ["--data-dir", str(data), "--api-port", str(api)]
    for name, port in zip(("--temporal-port", "--ui-port", "--sandbox-port"), ports, strict=True):
        options += [name, str(port)]
    up = await asyncio.create_subprocess_exec(
        *(str(installed.folder / "bin" / "aijobs"), "up", *options),
        cwd=tmp_path,
        env=installed.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        assert up.stdout is not None
        said = ""
        async with asyncio.timeout(TIMEOUT):
            while "Ctrl-C stops everything" not in said:
                line = (await up.stdout.readline()).decode()
                assert line, said
                said += line
        (photo,) = installed.folder.glob("lib/python*/site-packages/cli/samples/sample.jpg")
        url, key = f"http://127.0.0.1:{api}", (data / "key").read_text().strip()
        used = await asyncio.to_thread(
            installed.run, installed.python, "-c", USER, url, key, photo, tmp_path / "results"
        )
        result = json.loads(used)
        page = await asyncio.to_thread(installed.run, "/usr/bin/env", "python3", "-c", PAGES, url)
    finally:
        up.terminate()
        await up.wait()

    assert result["status"] == "SUCCESS"
    assert result["from"].startswith(str(installed.folder))
    assert [Path(file).stat().st_size > 0 for file in result["files"]] == [True]
    assert json.loads(page) == {"/docs": 200, "/login": 200}
    assert os.path.commonpath([str(installed.folder), str(ROOT)]) != str(ROOT)


#: Pages, and every file that they name, come from the wheel.
PAGES: Final = """
import json, re, sys, urllib.request
found = {}
for path in ("/docs", "/login"):
    answer = urllib.request.urlopen(sys.argv[1] + path)
    found[path] = answer.status
    for name in set(re.findall(r'(?:src|href)="(/[^"#?]+\\\\.(?:js|css|svg))', answer.read().decode())):
        assert urllib.request.urlopen(sys.argv[1] + name).status == 200, name
print(json.dumps(found))
"""
