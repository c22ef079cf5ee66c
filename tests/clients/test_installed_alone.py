"""The client's distribution works where there is nothing but httpx, pydantic and what these two need."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).parents[2] / "clients" / "python"
NEEDED: Final = ("httpx", "pydantic")

BUILD: Final = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"

#: Imports every module of the client and uses it, with nothing on the path but what is named.
USE: Final = """
import importlib, pkgutil, sys
sys.path += sys.argv[1:]
import aijobs_client
for module in pkgutil.iter_modules(aijobs_client.__path__):
    importlib.import_module(f"aijobs_client.{module.name}")
with aijobs_client.Client(url="http://127.0.0.1:9", key="aijobs_x", retry_for=0) as client:
    try:
        client.points()
    except aijobs_client.Unreachable:
        print("unreachable, as it should be")
print(aijobs_client.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """Built from a copy: a build leaves files beside its source."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__"))
    command = [sys.executable, "-c", BUILD, str(folder)]
    built = subprocess.run(command, cwd=folder / "source", capture_output=True, text=True, check=True)
    return zipfile.Path(folder / built.stdout.split()[-1])


def metadata_of(wheel: zipfile.Path) -> str:
    return next(file for file in wheel.iterdir() if file.name.endswith(".dist-info")).joinpath("METADATA").read_text()


def needed(names: tuple[str, ...]) -> Iterator[Distribution]:
    """These distributions and, all the way down, what they need without any extra."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found:
            found[name] = distribution(name)
            requirements = [line for line in found[name].requires or [] if "extra ==" not in line]
            waiting += [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in requirements if _is_installed(line)]
    yield from found.values()


def _is_installed(requirement: str) -> bool:
    """What a marker rules out, as for another version of Python, may be missing."""
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    return ";" not in requirement or name.replace("-", "_") in packages_distributions()


def test_its_wheel_holds_the_client_and_says_what_it_needs(wheel: zipfile.Path) -> None:
    metadata = metadata_of(wheel)

    packages = {file.name for file in wheel.iterdir() if not file.name.endswith(".dist-info")}
    requires = re.findall(r"^Requires-Dist: ([\w-]+)", metadata, re.MULTILINE)
    assert packages == {"aijobs_client"}
    assert wheel.joinpath("aijobs_client", "py.typed").exists()
    assert sorted(requires) == sorted(NEEDED)
    assert "from aijobs_client import Client" in metadata


def test_it_works_where_nothing_else_is_installed(wheel: zipfile.Path, tmp_path: Path) -> None:
    client, others = tmp_path / "client", tmp_path / "others"
    others.mkdir()
    with zipfile.ZipFile(str(wheel.root.filename)) as archive:
        archive.extractall(client)
    names = {each.metadata["Name"] for each in needed(NEEDED)}
    for module, owners in packages_distributions().items():
        if names & set(owners):
            _link(names & set(owners), module, into=others)

    used = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", USE, str(client), str(others)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert used.stderr == ""
    assert used.stdout.splitlines() == ["unreachable, as it should be", str(client / "aijobs_client" / "__init__.py")]


def _link(owners: set[str], module: str, *, into: Path) -> None:
    """The module's folder or file, whichever of its owner's it is."""
    for owner in owners:
        files = distribution(owner).files or []
        tops = {file.parts[0] for file in files if file.parts[0].partition(".")[0] == module}
        for top in tops:
            if not (into / top).exists():
                (into / top).symlink_to(Path(str(distribution(owner).locate_file(top))))
