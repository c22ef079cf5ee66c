"""What an installation keeps is readable by its own user alone, also what an older version has left open."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from aijobs.bootstrap import open_adapters
from aijobs.persistence.database import opened_database
from aijobs.persistence.private_files import keep_private
from aijobs.settings import GivenSettings


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """Whoever started us lets everybody read what he makes."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def test_a_new_installation_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with open_adapters(GivenSettings(data_dir=data)) as adapters:
        await adapters.database.probe()
        modes = {str(path.relative_to(data)): mode(path) for path in data.rglob("*")}

    assert mode(data) == 0o700
    assert {"aijobs.db", "aijobs.db-wal", "secret", "store"} <= modes.keys()
    assert {name: found for name, found in modes.items() if found & 0o077} == {}


async def test_a_database_elsewhere_is_closed(tmp_path: Path) -> None:
    async with opened_database(f"sqlite:///{tmp_path}/elsewhere/jobs.db") as database:
        await database.probe()
        modes = [mode(path) for path in (tmp_path / "elsewhere").iterdir()]

    assert mode(tmp_path / "elsewhere") == 0o700
    assert modes == [0o600] * 3


def test_what_an_older_version_left_open_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "logs").mkdir(parents=True)
    (data / "store").mkdir()
    for name in ("aijobs.db", "aijobs.db-wal", "temporal.db", "key", "secret", "lock", "logs/worker.log"):
        (data / name).touch(mode=0o644)

    keep_private(data)

    assert {mode(path) for path in (data, *data.rglob("*")) if path.is_dir()} == {0o700}
    assert {mode(path) for path in data.rglob("*") if path.is_file()} == {0o600}


def test_what_is_not_ours_is_left_as_it_is(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir(mode=0o755)
    for path in (home / "letter.txt", home / "key", outside):
        path.touch(mode=0o644)
    (home / "secret").symlink_to(outside)

    keep_private(home)

    assert mode(home) == 0o755
    assert mode(home / "letter.txt") == 0o644
    assert mode(home / "key") == 0o600
    assert mode(outside) == 0o644


def test_a_folder_that_everybody_may_write_to_stays_so(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)

    keep_private(shared)
    keep_private(tmp_path / "not there")

    assert mode(shared) == 0o1777
    assert not (tmp_path / "not there").exists()
