"""The `aijobs` command within this process, for whatever needs nothing else to run at the same time."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest
from temporalio.client import Client

from aijobs.persistence.access.first_key import ensure_first_key
from cli.main import run
from tests.api.conftest import NOBODY_THERE, opened_parts
from tests.api.installation import ApiUnderTest, opened_installation
from tests.cli.command import OURS, Ended
from workflows.client import TemporalJobEngine


class Command(Protocol):
    def __call__(self, *arguments: str, **settings: str) -> Ended: ...


@pytest.fixture
def aijobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`tmp_path` is the data directory; nothing else is set but what the test says."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIJOBS_DATA_DIR", str(tmp_path))

    def aijobs_here(*arguments: str, **settings: str) -> Ended:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        code = run(arguments)
        return Ended(code, *capsys.readouterr())

    return aijobs_here


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiUnderTest]:
    """A real API, without Temporal, whose first key is in `tmp_path`, as commands look for it."""
    async with opened_parts(tmp_path, TemporalJobEngine(lambda: Client.connect(NOBODY_THERE))) as parts:
        key = await ensure_first_key(parts.database, parts.secret, tmp_path)
        async with opened_installation(parts, key) as installation:
            yield installation
