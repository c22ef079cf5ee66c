"""`aijobs backup` and `aijobs restore`: whole or not at all, and refused where it would be wrong."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from aijobs.persistence.database import LATEST_REVISION
from cli.errors import Exit
from tests.api.installation import ApiUnderTest
from tests.cli.conftest import Command

CONTENT = b"a file that is stored\n" * 100


@pytest.fixture
async def uploaded(api: ApiUnderTest, tmp_path: Path) -> str:
    """The code of a file in the store."""
    response = await api.http.post("/api/files", files={"file": ("a.txt", CONTENT)}, headers={"Aijobs-User": "ada"})
    assert response.status_code in {200, 201}, response.text
    code: str = response.json()["code"]
    (tmp_path / "secret").write_bytes(b"of this installation")
    return code


@pytest.fixture(params=["nightly", "nightly.tar"])
def backup(request: pytest.FixtureRequest, aijobs: Command, uploaded: str, tmp_path: Path) -> Path:
    """A backup of an installation whose API runs."""
    path = tmp_path / "backups" / str(request.param)
    made = aijobs("backup", str(path))
    assert (made.code, made.err) == (Exit.SUCCESS, "")
    assert f"at revision {LATEST_REVISION}" in made.out
    assert "1 objects" in made.out
    return path


def files_of(installation: Path) -> set[str]:
    return {str(path.relative_to(installation)) for path in installation.rglob("*") if path.is_file()}


def rows_of(database: Path, table: str) -> int:
    with closing(sqlite3.connect(database)) as connection:
        count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return count


def test_a_restored_installation_has_all_that_was_kept(aijobs: Command, backup: Path, tmp_path: Path) -> None:
    restored = aijobs("restore", str(backup), "--data-dir", str(tmp_path / "new"))

    assert (restored.code, restored.err) == (Exit.SUCCESS, "")
    found = files_of(tmp_path / "new")
    (stored,) = (tmp_path / "new" / "store").rglob("*.*")
    assert stored.read_bytes() == CONTENT
    assert {"aijobs.db", "secret", "key"} <= found
    assert (tmp_path / "new" / "secret").read_bytes() == b"of this installation"
    assert rows_of(tmp_path / "new" / "aijobs.db", "file") == 1
    assert [path for path in (tmp_path / "new").rglob("*") if path.lstat().st_mode & 0o077] == []
    assert files_of(tmp_path / "backups") & {"nightly.partial", "nightly.tar.partial"} == set()


def test_a_backup_is_for_its_own_user_alone(backup: Path) -> None:
    """Objects are the store's own files, with its modes."""
    assert [path for path in (backup, *backup.glob("*")) if path.lstat().st_mode & 0o077] == []


def test_verify_checks_it_and_writes_nothing(aijobs: Command, backup: Path, tmp_path: Path) -> None:
    checked = aijobs("restore", str(backup), "--verify", "--data-dir", str(tmp_path / "new"))

    assert checked.code == Exit.SUCCESS
    assert "It is what was copied." in checked.out
    assert not (tmp_path / "new").exists()


def test_the_checksums_are_those_of_sha256sum(aijobs: Command, uploaded: str, tmp_path: Path) -> None:
    aijobs("backup", str(tmp_path / "copy"))

    checked = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path / "copy", check=False)

    assert checked.returncode == 0


def test_objects_take_no_room_of_their_own_on_the_same_disk(aijobs: Command, uploaded: str, tmp_path: Path) -> None:
    aijobs("backup", str(tmp_path / "copy"))

    (stored,) = (tmp_path / "copy" / "store").rglob("*.*")
    assert stored.stat().st_nlink == 2


def test_nothing_is_overwritten(aijobs: Command, backup: Path, tmp_path: Path) -> None:
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "a letter").write_text("dear all")

    refused = aijobs("restore", str(backup), "--data-dir", str(occupied))
    again = aijobs("backup", str(backup), "--data-dir", str(tmp_path))

    assert (refused.code, again.code) == (Exit.ERROR, Exit.ERROR)
    assert f"{occupied} is not empty." in refused.err
    assert "is there already" in again.err
    assert files_of(occupied) == {"a letter"}


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_a_journal_of_another_database_does_not_come_into_the_restored_one(
    aijobs: Command, backup: Path, tmp_path: Path, suffix: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / f"jobs.db{suffix}").write_bytes(b"of the database that was moved away")

    database = f"sqlite:///{elsewhere}/jobs.db"
    new = ("--data-dir", str(tmp_path / "new"))
    refused = aijobs("restore", str(backup), *new, AIJOBS_DATABASE_URL=database)

    assert refused.code == Exit.ERROR
    assert f"jobs.db{suffix} was left by another database." in refused.err
    assert files_of(elsewhere) == {f"jobs.db{suffix}"}
    assert not (tmp_path / "new").exists()


def changed_object(folder: Path) -> str:
    (stored,) = (folder / "store").rglob("*.*")
    content = bytearray(stored.read_bytes())
    content[50] ^= 1
    stored.unlink()  # it is also the installation's
    stored.write_bytes(content)
    return f"{stored.relative_to(folder)} is not what was copied"


def changed_database(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "aijobs.db")) as connection, connection:
        connection.execute("UPDATE installation SET installation_id = 'inst_other'")
        connection.execute("CREATE TABLE more (a)")
    return "aijobs.db is not what was copied"


def missing_file(folder: Path) -> str:
    (folder / "secret").unlink()
    return "secret is missing"


def another_file(folder: Path) -> str:
    (folder / "store" / "stranger").write_text("?")
    return "stranger is in it, and not in SHA256SUMS"


def changed_list(folder: Path) -> str:
    with (folder / "SHA256SUMS").open("a") as listed:
        listed.write(f"{'0' * 64}  store/more\n")
    return "SHA256SUMS is not the one that was written"


def path_outside(folder: Path) -> str:
    """Whoever can write a backup can write its manifest too."""
    lines = (folder / "SHA256SUMS").read_text() + f"{'0' * 64}  store/../../outside\n"
    (folder / "SHA256SUMS").write_text(lines)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["checksums"] = hashlib.sha256(lines.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return "names 'store/../../outside', which no backup has"


def no_manifest(folder: Path) -> str:
    (folder / "manifest.json").unlink()
    return "no complete backup: it has no"


DAMAGES = [changed_object, changed_database, missing_file, another_file, changed_list, path_outside, no_manifest]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_damaged_is_named_and_nothing_is_restored(
    aijobs: Command, uploaded: str, tmp_path: Path, damage: Callable[[Path], str], *, packed: bool
) -> None:
    made = tmp_path / "copy"
    aijobs("backup", str(made))
    expected = damage(made)
    if packed:
        with tarfile.open(tmp_path / "copy.tar", "w") as tar:
            for name in sorted(files_of(made)):
                tar.add(made / name, arcname=name)
        made = tmp_path / "copy.tar"

    checked = aijobs("restore", str(made), "--verify")
    refused = aijobs("restore", str(made), "--data-dir", str(tmp_path / "new"))

    assert (checked.code, refused.code) == (Exit.ERROR, Exit.ERROR)
    assert expected in checked.err
    assert expected in refused.err
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "new.partial").exists()


def test_a_cut_off_file_is_refused(aijobs: Command, uploaded: str, tmp_path: Path) -> None:
    whole = tmp_path / "copy.tar"
    aijobs("backup", str(whole))
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    refused = aijobs("restore", str(whole), "--data-dir", str(tmp_path / "new"))

    assert refused.code == Exit.ERROR
    assert "copy.tar" in refused.err
    assert not (tmp_path / "new").exists()


def test_a_backup_of_a_newer_version_is_refused(aijobs: Command, uploaded: str, tmp_path: Path) -> None:
    made = tmp_path / "copy"
    aijobs("backup", str(made))
    manifest = json.loads((made / "manifest.json").read_text())
    (made / "manifest.json").write_text(json.dumps(manifest | {"revision": "9999", "version": "9.0"}))

    refused = aijobs("restore", str(made), "--data-dir", str(tmp_path / "new"))

    assert refused.code == Exit.ERROR
    assert "revision 9999" in refused.err
    assert "aijobs 9.0" in refused.err
    assert not (tmp_path / "new").exists()


def test_an_older_database_is_restored_and_brought_up_to_date(aijobs: Command, uploaded: str, tmp_path: Path) -> None:
    made = tmp_path / "copy"
    aijobs("backup", str(made))
    older = {"copied_at": "2026-11-01T00:00:00Z"}
    manifest = json.loads((made / "manifest.json").read_text())
    (made / "manifest.json").write_text(json.dumps(manifest | older))

    restored = aijobs("restore", str(made), "--data-dir", str(tmp_path / "new"))

    assert restored.code == Exit.SUCCESS, restored.err
    with closing(sqlite3.connect(tmp_path / "new" / "aijobs.db")) as connection:
        (copied_at,) = connection.execute("SELECT copied_at FROM installation").fetchone()
    assert copied_at.startswith("2026-11-01 00:00:00")


def test_a_database_without_files_or_of_another_kind_is_refused(aijobs: Command, tmp_path: Path) -> None:
    nothing = aijobs("backup", str(tmp_path / "copy"), "--data-dir", str(tmp_path / "nothing"))
    postgresql = aijobs("backup", str(tmp_path / "copy"), AIJOBS_DATABASE_URL="postgresql://a@127.0.0.1:1/b")

    assert (nothing.code, postgresql.code) == (Exit.ERROR, Exit.ERROR)
    assert "There is no database" in nothing.err
    assert "tools of its own" in postgresql.err
    assert not (tmp_path / "copy").exists()


def test_a_damaged_database_is_not_taken_for_a_backup(aijobs: Command, uploaded: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    shutil.copyfile(tmp_path / "aijobs.db", broken / "aijobs.db")
    with (broken / "aijobs.db").open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 40_960)

    refused = aijobs("backup", str(tmp_path / "copy"), "--data-dir", str(broken))

    assert refused.code == Exit.ERROR
    assert not (tmp_path / "copy").exists()
    assert list(tmp_path.glob("copy*")) == []
