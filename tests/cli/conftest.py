"""The `aijobs` command within this process, for whatever needs nothing else to run at the same time."""

import os
from pathlib import Path
from typing import Protocol

import pytest

from cli.main import run
from tests.cli.command import OURS, Ended


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
