"""The `aijobs` command within the test's process, for tests that need no other process."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest
from temporalio.client import Client

from aijobs.persistence.access.first_key import ensure_first_key
from cli.main import run
from tests.api.conftest import NOBODY_THERE, opened_dependencies
from tests.api.installation import ApiUnderTest, opened_installation
from tests.cli.command import OURS, CommandResult
from workflows.client import TemporalJobEngine


class Command(Protocol):
    def __call__(self, *arguments: str, **settings: str) -> CommandResult: ...


@pytest.fixture
def aijobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command with `tmp_path` as data directory; only the test's own settings are set."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIJOBS_DATA_DIR", str(tmp_path))

    def run_here(*arguments: str, **settings: str) -> CommandResult:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        code = run(arguments)
        return CommandResult(code, *capsys.readouterr())

    return run_here


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiUnderTest]:
    """A real API, without Temporal, whose first key is in `tmp_path`, as commands look for it."""
    async with opened_dependencies(tmp_path, TemporalJobEngine(lambda: Client.connect(NOBODY_THERE))) as dependencies:
        key = await ensure_first_key(dependencies.database, dependencies.secret, tmp_path)
        async with opened_installation(dependencies, key) as installation:
            yield installation
