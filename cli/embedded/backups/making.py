"""Makes a backup of an installation that may be running.

What Temporal knows is copied first, then the database, then the store's objects. So the database is never older than
Temporal, which asks it before anything is sent; and every object that the database names was there before it.
"""

import hashlib
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import make_url

from aijobs.persistence.database import sqlite
from aijobs.persistence.private_files import FILE_MODE, FOLDER_MODE, make_private_folder
from aijobs.settings import Settings, is_sqlite
from cli.embedded.backups.contents import (
    CHECKSUMS,
    DATABASE,
    MANIFEST,
    PRIVATE_FILES,
    STORE,
    TAR_SUFFIX,
    BackupManifest,
    private_place,
    sha256_of,
)
from cli.embedded.temporal_server import DATABASE as TEMPORAL_DATABASE
from cli.errors import CommandError

PARTIAL: Final = ".partial"  #: ends the name of what is not finished


class BackupTarget(Protocol):
    """Takes the files of a backup, one by one."""

    def add(self, source: Path, name: str) -> None: ...

    def share(self, source: Path, name: str) -> None:
        """As `add`, for a file that nobody changes. Raises FileNotFoundError."""
        ...


@dataclass(frozen=True)
class FolderTarget:
    """A folder on any disk; on the store's own disk, objects take no room of their own."""

    root: Path

    def add(self, source: Path, name: str) -> None:
        target = private_place(self.root, name)
        shutil.copyfile(source, target)
        target.chmod(FILE_MODE)

    def share(self, source: Path, name: str) -> None:
        try:
            os.link(source, private_place(self.root, name))
        except FileNotFoundError:
            raise
        except OSError:  # another disk, or one that has no hard links
            self.add(source, name)


@dataclass(frozen=True)
class TarTarget:
    """One file."""

    tar: tarfile.TarFile

    def add(self, source: Path, name: str) -> None:
        with source.open("rb") as file:
            member = self.tar.gettarinfo(arcname=name, fileobj=file)
            member.mode, member.uid, member.gid, member.uname, member.gname = FILE_MODE, 0, 0, "", ""
            self.tar.addfile(member, file)

    share = add


@dataclass
class BackupWriter:
    """Adds files to a backup, with their checksums."""

    target: BackupTarget
    workspace: Path
    size: int = 0
    objects: int = 0
    checksums: list[str] = field(default_factory=list)

    def add(self, source: Path, name: str) -> None:
        self._add(source, name, self.target.add)

    def add_object(self, source: Path, name: str) -> None:
        """Raises FileNotFoundError when it was deleted."""
        self._add(source, name, self.target.share)
        self.objects += 1

    def _add(self, source: Path, name: str, add: Callable[[Path, str], None]) -> None:
        digest, size = sha256_of(source.open("rb")), source.stat().st_size
        add(source, name)
        self.checksums.append(f"{digest}  {name}\n")
        self.size += size

    def add_database(self, source: Path, name: str) -> Path:
        """A copy of the database as it is now. Raises CommandError when it cannot be read, or is damaged."""
        copy = self.workspace / name
        try:
            sqlite.copy_file(source, copy)
            found = sqlite.damage(copy)
        except sqlite3.Error as failed:
            raise CommandError(f"{source} cannot be copied: {failed}.") from failed
        if found is not None:
            raise CommandError(f"{source} is damaged: {found}.", hint="Restore it from an earlier backup.")
        self.add(copy, name)
        return copy

    def add_text(self, name: str, content: str) -> None:
        path = self.workspace / name
        path.write_text(content, "utf-8")
        self.target.add(path, name)


def make_backup(settings: Settings, path: Path, *, report: Callable[[str, str], None]) -> BackupManifest:
    """Write a backup to `path`, a new folder, or a new file whose name ends in `.tar`. `report` hears of each part.

    Nothing is at `path` before it is complete. Raises CommandError.
    """
    source = database_file(settings)
    if not source.exists():
        raise CommandError(f"There is no database {source}.", hint="See --data-dir.")
    if path.exists():
        raise CommandError(f"{path} is there already.", hint="Name one that is not: a backup replaces nothing.")
    try:
        with _target(path) as (target, workspace):
            return _written(settings, source, BackupWriter(target, workspace), report)
    except OSError as failed:
        raise CommandError(f"{path} cannot be written: {failed.strerror}.") from failed


def _written(
    settings: Settings, source: Path, writer: BackupWriter, report: Callable[[str, str], None]
) -> BackupManifest:
    temporal = settings.data_dir / TEMPORAL_DATABASE
    if has_temporal := temporal.exists():
        writer.add_database(temporal, TEMPORAL_DATABASE)
        report("temporal", TEMPORAL_DATABASE)
    else:
        report("temporal", "not in the backup: it is a server of its own")
    copied_at = datetime.now(UTC)
    revision = sqlite.revision(make_url(f"sqlite:///{writer.add_database(source, DATABASE)}"))
    if revision is None:
        raise CommandError(f"{source} has no tables yet.")
    finished_at = time.time()
    report("database", f"{DATABASE} at revision {revision}")
    for name in PRIVATE_FILES:
        if (settings.data_dir / name).exists():
            writer.add(settings.data_dir / name, name)
    report("secret", "from the data directory" if settings.secret is None else "not in the backup: it is a setting")
    elsewhere = settings.store.url if settings.store.is_s3 else None
    if elsewhere is None:
        _add_objects(writer, store_folder(settings), until=finished_at)
    report("store", f"not in the backup: {elsewhere}" if elsewhere else f"{writer.objects} objects")
    checksums = "".join(writer.checksums)
    writer.add_text(CHECKSUMS, checksums)
    manifest = BackupManifest(
        version=metadata.version("aijobs"),
        revision=revision,
        copied_at=copied_at,
        has_temporal=has_temporal,
        store=elsewhere,
        objects=writer.objects,
        size=writer.size,
        checksums=hashlib.sha256(checksums.encode()).hexdigest(),
    )
    writer.add_text(MANIFEST, f"{manifest.model_dump_json(indent=2)}\n")
    return manifest


def _add_objects(writer: BackupWriter, root: Path, *, until: float) -> None:
    """Every object that was complete when the database had been copied; it names no later one.

    One that is deleted meanwhile is left out, and drafts are.
    """
    for path in _objects_below(root):
        try:
            if path.stat().st_mtime <= until:
                writer.add_object(path, f"{STORE}/{path.relative_to(root).as_posix()}")
        except FileNotFoundError:
            continue


def _objects_below(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(files))


@contextmanager
def _target(path: Path) -> Iterator[tuple[BackupTarget, Path]]:
    """Where to write, under another name until the block has ended well; and a folder for copies on the way."""
    make_private_folder(path.absolute().parent)
    partial = path.with_name(f"{path.name}{PARTIAL}")
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.absolute().parent) as workspace:
        try:
            if path.name.endswith(TAR_SUFFIX):
                with (
                    open(partial, "xb", opener=_private) as file,
                    tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
                ):
                    yield TarTarget(tar), Path(workspace)
            else:
                partial.mkdir(mode=FOLDER_MODE)
                yield FolderTarget(partial), Path(workspace)
            partial.rename(path)
        except FileExistsError as other:
            raise CommandError(f"{partial} is there already.", hint="Another backup writes it, or has died.") from other
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            partial.unlink(missing_ok=True)
            raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)


def database_file(settings: Settings) -> Path:
    """Raises CommandError for a database that is no file."""
    if not is_sqlite(settings.database):
        raise CommandError(
            "The database is PostgreSQL, which has tools of its own for backups.", hint="See docs/backups.md."
        )
    return Path(make_url(settings.database).database or "")


def store_folder(settings: Settings) -> Path:
    return settings.store.directory or settings.data_dir / STORE
