"""Makes an installation of a backup, in a data directory that is new or empty."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from aijobs.domain.errors import SchemaMismatch
from aijobs.persistence.database import LATEST_REVISION
from aijobs.persistence.database.schema import check_revision
from aijobs.persistence.private_files import FILE_MODE, make_private_folder
from aijobs.settings import Settings
from cli.embedded.backups.contents import (
    CHECKSUMS,
    DATABASE,
    MANIFEST,
    READ_BYTES,
    STORE,
    BackupFiles,
    BackupManifest,
    checksums_in,
    opened_backup,
    private_place,
)
from cli.embedded.backups.making import PARTIAL, database_file, store_folder
from cli.errors import CommandError

JOURNALS: Final = ("-wal", "-journal")  #: SQLite's, beside a database


def verify_backup(path: Path) -> BackupManifest:
    """Read all of a backup, and write nothing. Raises CommandError that names what is wrong."""
    with opened_backup(path) as (manifest, files):
        _require_usable(manifest)
        for name, digest in checksums_in(files):
            _copy(files, name, digest, None)
        _require_nothing_else(files)
    return manifest


def restore_backup(settings: Settings, path: Path) -> BackupManifest:
    """Write the files of a backup to where the settings keep them. Nothing is there before all of them are checked.

    Raises CommandError: for a place that is not empty, a file that is not what was copied, and a database of a newer
    version.
    """
    database, store = database_file(settings), store_folder(settings)
    with opened_backup(path) as (manifest, files):
        _require_usable(manifest)
        for place in {settings.data_dir, database, store}:
            _require_empty(place)
        for suffix in JOURNALS:
            _require_none_of_another(database.with_name(f"{database.name}{suffix}"))
        _require_room(settings.data_dir, manifest)
        try:
            with _staged(settings.data_dir) as staged:
                for name, digest in checksums_in(files):
                    _copy(files, name, digest, private_place(staged, name))
                _require_nothing_else(files)
                _move(staged / DATABASE, database, unless=settings.data_dir / DATABASE)
                _move(staged / STORE, store, unless=settings.data_dir / STORE)
        except OSError as failed:
            raise CommandError(f"{settings.data_dir} cannot be written: {failed.strerror}.") from failed
    return manifest


def _require_usable(manifest: BackupManifest) -> None:
    try:
        if manifest.revision > LATEST_REVISION:
            check_revision(manifest.revision, oldest_code=None)
    except SchemaMismatch as newer:
        raise CommandError(str(newer), hint=f"The backup was made by aijobs {manifest.version}.") from newer


def _require_empty(place: Path) -> None:
    if place.is_file() or (place.is_dir() and any(place.iterdir())):
        hint = "Name a new one with --data-dir, or move what is there away: nothing is overwritten."
        raise CommandError(f"{place} is not empty.", hint=hint)


def _require_none_of_another(journal: Path) -> None:
    """SQLite would write what the journal of another database has into the restored one."""
    if journal.exists():
        hint = "Move it to the database that it belongs to: what it holds may not be in that file yet."
        raise CommandError(f"{journal} was left by another database.", hint=hint)


def _require_room(data_dir: Path, manifest: BackupManifest) -> None:
    parent = data_dir.absolute().parent
    make_private_folder(parent)
    free = shutil.disk_usage(parent).free
    if free < manifest.size:
        raise CommandError(f"The backup has {manifest.size:,} bytes, and the disk of {parent} {free:,} free ones.")


@contextmanager
def _staged(data_dir: Path) -> Iterator[Path]:
    """A new folder beside the data directory, which becomes it when the block has ended well."""
    staged = data_dir.absolute().with_name(f"{data_dir.absolute().name}{PARTIAL}")
    try:
        staged.mkdir(mode=0o700)
    except FileExistsError as other:
        raise CommandError(f"{staged} is there already.", hint="Another restore writes it, or has died.") from other
    try:
        yield staged
        if data_dir.exists():
            data_dir.rmdir()
        staged.rename(data_dir)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _move(staged: Path, place: Path, *, unless: Path) -> None:
    """To a place outside of the data directory, where the settings name one."""
    if staged.exists() and place.absolute() != unless.absolute():
        make_private_folder(place.absolute().parent)
        if place.is_dir():
            place.rmdir()
        shutil.move(staged, place)


def _copy(files: BackupFiles, name: str, expected: str, target: Path | None) -> None:
    """Read a file, and write it where there is a target. Raises CommandError when it is not what was copied."""
    digest = hashlib.sha256()
    try:
        with files.opened(name) as source, _written(target) as written:
            while chunk := source.read(READ_BYTES):
                digest.update(chunk)
                written.write(chunk)
    except FileNotFoundError as missing:
        raise CommandError(f"The backup is damaged: {name} is missing.") from missing
    if digest.hexdigest() != expected:
        raise CommandError(f"The backup is damaged: {name} is not what was copied.")


@contextmanager
def _written(target: Path | None) -> Iterator[IO[bytes]]:
    if target is None:
        with Path(os.devnull).open("wb") as nowhere:
            yield nowhere
        return
    with target.open("xb") as file:
        os.fchmod(file.fileno(), FILE_MODE)
        yield file
        file.flush()
        os.fsync(file.fileno())


ALSO_THERE: Final = frozenset({MANIFEST, CHECKSUMS})


def _require_nothing_else(files: BackupFiles) -> None:
    listed = {name for name, _ in checksums_in(files)}
    for name in files.names():
        if name not in listed and name not in ALSO_THERE:
            raise CommandError(f"The backup is damaged: {name} is in it, and not in {CHECKSUMS}.")
