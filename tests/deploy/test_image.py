"""What gets into an image: the product, and never a secret that lies beside it."""

import re
import shutil
import subprocess
import sys
import sysconfig
from fnmatch import translate
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TIMEOUT: Final = 240.0

NEVER: Final = (
    ".env",
    ".env.production",
    ".envrc",
    "deploy/.env",
    "aijobs/.env",
    "aijobs/.env.local",
    "clients/python/.env",
    "api/server.pem",
    "cli/id.key",
    "aijobs/aijobs.db",
    "aijobs/aijobs.db-wal",
    ".aijobs/key",
    ".aijobs/secret",
    ".aijobs/aijobs.db",
    "api/.aijobs/key",
    ".git/config",
    ".ssh/id_ed25519",
    ".venv/pyvenv.cfg",
    "id_rsa",
    "key",
    "secret",
    "notes.txt",
    "tests/conftest.py",
    "docker-compose.override.yml",
    "api/__pycache__/app.pyc",
)


def ignored(path: str) -> bool:
    """By docker's rules: the last line that matches the path, or a folder above it, decides."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        if any(_matches(pattern, "/".join(path.split("/")[:depth])) for depth in range(1, path.count("/") + 2)):
            verdict = not line.startswith("!")
    return verdict


def _matches(pattern: str, path: str) -> bool:
    """`**/` is any number of folders, also none; a star does not pass a slash."""
    anywhere, name = pattern.startswith("**/"), pattern.removeprefix("**/")
    candidate = path.rpartition("/")[2] if anywhere else path
    return "/" not in candidate.removeprefix(name) and re.fullmatch(translate(name), candidate) is not None


@pytest.mark.parametrize("path", NEVER)
def test_what_lies_beside_the_product_stays_out(path: str) -> None:
    assert ignored(path)


def test_every_file_that_is_copied_gets_in() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    copied = [source for line in re.findall(r"^COPY (.+)$", dockerfile, re.MULTILINE) for source in line.split()[:-1]]

    assert "." not in copied
    for source in copied:
        found = ROOT / source
        files = [found] if found.is_file() else [file for file in found.rglob("*") if file.is_file()]
        kept = [file for file in files if not {"__pycache__"} & set(file.parts) and "egg-info" not in str(file)]
        assert kept, source
        assert [str(file) for file in kept if ignored(str(file.relative_to(ROOT)))] == []


def test_every_package_of_the_product_is_copied() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    (included,) = re.findall(r"^include = \[(.+)\]$", project, re.MULTILINE)
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")

    for package in re.findall(r'"(\w+)\*"', included):
        assert f"COPY {package} {package}" in dockerfile


def test_its_steps_install_the_product_from_what_is_copied(tmp_path: Path) -> None:
    """As the engine would, in a folder: the locked packages are those of the environment that the tests run in."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    app, environment = tmp_path / "app", tmp_path / "environment"
    for line in re.findall(r"^COPY (.+)$", dockerfile, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            _copy(ROOT / source, app / source if target == "./" else app / target)
    (installs,) = re.findall(r"^RUN (pip install .*--editable clients/python --editable \.)", dockerfile, re.MULTILINE)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=TIMEOUT)
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    options = installs.removeprefix("pip install ").split()

    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--no-index"]
    installed = subprocess.run([*pip, *options], cwd=app, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    said = subprocess.run(
        [environment / "bin" / "aijobs", "--version"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )

    assert installed.returncode == 0, installed.stderr
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("aijobs ")
    assert not list((ROOT / "clients" / "python").glob("build"))


def test_packages_are_locked_and_it_runs_as_nobody_special() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")

    assert all("--require-hashes" in line or "--no-deps" in line for line in re.findall(r".*pip install.*", dockerfile))
    (user,) = re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)
    assert int(user) > 0
    assert not re.search(r"^(ENV|ARG).*(TOKEN|SECRET|PASSWORD|KEY)", dockerfile, re.MULTILINE)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
