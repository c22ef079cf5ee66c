"""Each parser of files takes a file or refuses it by an error of its own, however damaged the file is."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Final

import pytest

from tests.cli.command import ROOT
from tests.fuzz.byte_parsers import PARSERS, files

#: Damaged files for each parser; the same ones in every run. `make fuzz` tries more, guided by what their code does.
FILES: Final = int(os.environ.get("FUZZ_FILES", "60"))
SEED: Final = int(os.environ.get("FUZZ_SEED", "1"))


@pytest.mark.parametrize("name", PARSERS)
def test_damaged_files(name: str) -> None:
    for content in islice(files(PARSERS[name], seed=SEED), FILES):
        PARSERS[name].parse(content)


@pytest.mark.parametrize("name", PARSERS)
def test_good_files_are_taken(name: str) -> None:
    """Else nothing behind the first look at a file would be tried."""
    results = [str(PARSERS[name].parse(content)) for content in PARSERS[name].good()]

    assert any("error_code=None" in result or "error=None" in result or "Media(" in result for result in results)


@pytest.mark.skipif(sys.platform != "linux" or sys.version_info >= (3, 14), reason="atheris is not made for it")
def test_the_guided_search_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.search", "3", "heads and ends"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "Nothing was found." in done.stdout
    assert "stat::number_of_executed_units:" in done.stderr
    assert list((tmp_path / "build/fuzz/heads-and-ends/corpus").iterdir())
