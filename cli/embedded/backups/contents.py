"""What a backup consists of: two databases, the files of keys, the store's objects, their checksums and a manifest."""

import hashlib
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from aijobs.persistence.access.secret import SECRET_FILE
from aijobs.persistence.private_files import FOLDER_MODE
from cli.embedded.temporal_server import DATABASE as TEMPORAL_DATABASE
from cli.errors import CommandError
from cli.options import KEY_FILE

TAR_SUFFIX: Final = ".tar"
MANIFEST: Final = "manifest.json"
CHECKSUMS: Final = "SHA256SUMS"  #: as `sha256sum` writes it, and checks it
DATABASE: Final = "aijobs.db"
STORE: Final = "store"
PRIVATE_FILES: Final = (SECRET_FILE, KEY_FILE)
FORMAT: Final = 1
READ_BYTES: Final = 1024 * 1024
LONGEST_MANIFEST: Final = 100_000
SINGLE_FILES: Final = frozenset({DATABASE, TEMPORAL_DATABASE, *PRIVATE_FILES})


class BackupManifest(BaseModel):
    """What a backup says of itself. `copied_at` is the moment that its database shows, in UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    version: str  #: of aijobs
    revision: str  #: of the database
    copied_at: datetime
    has_temporal: bool
    store: str | None  #: where the objects are that it does not hold; None: it holds them
    objects: int
    size: int  #: of all files, in bytes
    checksums: str  #: the SHA-256 of the list of checksums


class BackupFiles(Protocol):
    """The files of a backup, by their names with slashes."""

    def names(self) -> Iterator[str]: ...

    def opened(self, name: str) -> IO[bytes]:
        """Raises FileNotFoundError."""
        ...


@dataclass(frozen=True)
class BackupFolder:
    """A backup whose files lie in a folder."""

    root: Path

    def names(self) -> Iterator[str]:
        for path in self.root.rglob("*"):
            if path.is_file():
                yield path.relative_to(self.root).as_posix()

    def opened(self, name: str) -> IO[bytes]:
        return (self.root / name).open("rb")


@dataclass(frozen=True)
class BackupTar:
    """A backup in one file."""

    tar: tarfile.TarFile
    _members: dict[str, tarfile.TarInfo] = field(default_factory=dict)

    def names(self) -> Iterator[str]:
        return iter(self._by_name())

    def opened(self, name: str) -> IO[bytes]:
        member = self._by_name().get(name)
        file = None if member is None else self.tar.extractfile(member)
        if file is None:
            raise FileNotFoundError(name)
        return file

    def _by_name(self) -> dict[str, tarfile.TarInfo]:
        if not self._members:
            self._members.update({member.name: member for member in self.tar if member.isreg()})
        return self._members


@contextmanager
def opened_backup(path: Path) -> Iterator[tuple[BackupManifest, BackupFiles]]:
    """A backup that has a manifest and a list of checksums that fit. Raises CommandError with what is wrong."""
    if path.is_dir():
        folder = BackupFolder(path)
        yield _manifest_of(folder, path), folder
        return
    try:
        with tarfile.open(path, "r:") as tar:
            files = BackupTar(tar)
            yield _manifest_of(files, path), files
    except FileNotFoundError:
        raise CommandError(f"There is no backup {path}.") from None
    except tarfile.TarError as unreadable:
        raise CommandError(f"{path} cannot be read as a backup: {unreadable}.") from unreadable


def _manifest_of(files: BackupFiles, path: Path) -> BackupManifest:
    try:
        with files.opened(MANIFEST) as manifest_file:
            manifest = BackupManifest.model_validate_json(manifest_file.read(LONGEST_MANIFEST))
        found = sha256_of(files.opened(CHECKSUMS))
    except FileNotFoundError as missing:
        raise CommandError(f"{path} is no complete backup: it has no {missing.filename or missing}.") from missing
    except (ValidationError, tarfile.TarError, OSError) as wrong:
        raise CommandError(f"{path} is no backup that this version can read: its {MANIFEST} is wrong.") from wrong
    if found != manifest.checksums:
        raise CommandError(f"{path} is damaged: {CHECKSUMS} is not the one that was written.")
    return manifest


def sha256_of(opened: IO[bytes]) -> str:
    """Of a file, which is closed."""
    digest = hashlib.sha256()
    with opened as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def checksums_in(files: BackupFiles) -> Iterator[tuple[str, str]]:
    """Each file's name and its SHA-256. Raises CommandError for a name that no backup of ours has."""
    with files.opened(CHECKSUMS) as listed:
        for line in listed:
            digest, _, name = line.decode("utf-8").rstrip("\n").partition("  ")
            if not _is_ours(name):
                raise CommandError(f"The backup is damaged: {CHECKSUMS} names {name!r}, which no backup has.")
            yield name, digest


def private_place(root: Path, name: str) -> Path:
    """The path of a file below `root`, whose folders are made, for their user alone."""
    folder = root
    for part in PurePosixPath(name).parts[:-1]:
        folder /= part
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    return root / name


def _is_ours(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return name in SINGLE_FILES or (len(parts) > 1 and parts[0] == STORE and ".." not in parts)
