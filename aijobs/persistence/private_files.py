"""The files of an installation are private to its user: folders have the mode 0700, files 0600."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
OTHERS: Final = 0o077

#: What we put into a data directory.
OURS: Final = re.compile(
    r"(?:aijobs|temporal)\.db(?:-wal|-shm|-journal|\.at-.+)?|(?:key|secret)(?:\..+)?|lock|url|logs|store|sandbox|demo"
)
#: Folders of few files, which are repaired too. A store's files have their modes from the beginning.
REPAIRED_WITHIN: Final = ("logs", "sandbox")


def make_private_folder(folder: Path) -> None:
    """Create the folder. Nothing happens when it exists."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)


def make_private_file(path: Path) -> None:
    """Create an empty file if there is none, and set its mode. The folder must exist."""
    if not path.exists():
        path.touch(mode=FILE_MODE)
    _repair(path)


def keep_private(data_dir: Path) -> None:
    """Remove the permissions of others from our files in a data directory, if it exists.

    A folder that also holds other files, such as a home directory, keeps its mode; only our files are changed.
    """
    if not data_dir.is_dir():
        return
    entries = list(data_dir.iterdir())
    ours = [entry for entry in entries if OURS.fullmatch(entry.name)]
    if len(ours) == len(entries):
        _repair(data_dir)
    for entry in (*ours, *_within(data_dir)):
        _repair(entry)


def _within(data_dir: Path) -> Iterator[Path]:
    for name in REPAIRED_WITHIN:
        for folder, folders, files in os.walk(data_dir / name):
            yield from (Path(folder) / found for found in (*folders, *files))


def _repair(path: Path) -> None:
    """Skips files of other users, symbolic links, and folders with the sticky bit such as /tmp."""
    with suppress(OSError):  # gone meanwhile, or on a disk that cannot be written
        found = path.lstat()
        shared = stat.S_ISLNK(found.st_mode) or found.st_mode & stat.S_ISVTX
        if found.st_uid == os.geteuid() and not shared and found.st_mode & OTHERS:
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
