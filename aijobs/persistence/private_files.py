"""What an installation keeps on disk is for its own user alone: folders have the mode 0700, files 0600."""

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
    r"(?:aijobs|temporal)\.db(?:-wal|-shm|-journal)?|(?:key|secret)(?:\..+)?|lock|url|logs|store|sandbox|demo"
)
#: Folders of few files, which are repaired too. A store's files have their modes from the beginning.
REPAIRED_WITHIN: Final = ("logs", "sandbox")


def make_private_folder(folder: Path) -> None:
    """Nothing happens where there is one."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)


def make_private_file(path: Path) -> None:
    """An empty one, where there is none, in a folder that is there; an old one is repaired."""
    if not path.exists():
        path.touch(mode=FILE_MODE)
    _repair(path)


def keep_private(data_dir: Path) -> None:
    """Take the rights of others away from what is ours in a data directory, if there is one.

    A folder that holds anything else, a home for example, stays open as it is; only our files in it are closed.
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
    """Somebody else's, a link, and a folder that everybody may write to, as /tmp, are left alone."""
    with suppress(OSError):  # gone meanwhile, or on a disk that cannot be written
        found = path.lstat()
        shared = stat.S_ISLNK(found.st_mode) or found.st_mode & stat.S_ISVTX
        if found.st_uid == os.geteuid() and not shared and found.st_mode & OTHERS:
            path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
