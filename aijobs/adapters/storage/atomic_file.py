"""A file in the making: written aside, made durable, and then put in its place at once."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final

from aijobs.domain.errors import StoreUnavailable

#: a folder may vanish between making it and moving into it, when a delete clears up there
MOVES: Final = 20


@contextmanager
def store_troubles() -> Iterator[None]:
    """What the file system refuses, as StoreUnavailable with its reason and without its paths."""
    try:
        yield
    except OSError as trouble:
        raise StoreUnavailable(f"The store's directory cannot be used: {trouble.strerror}.") from trouble


class AtomicFile:
    """Lives in the store's own file system, so that the last step is a rename. All methods block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: FileIO | None = None
        self._path: Path | None = None

    def begin(self) -> None:
        with store_troubles():
            descriptor, name = tempfile.mkstemp(dir=self._folder)
        self._path, self._file = Path(name), FileIO(descriptor, "w")

    def write(self, batch: bytes | bytearray) -> None:
        assert self._file is not None
        rest = memoryview(batch)
        with store_troubles():
            while rest:
                rest = rest[self._file.write(rest) or 0 :]

    def publish(self, target: Path) -> None:
        """Durable before it is visible, and the name durable before anybody hears of it."""
        assert self._file is not None
        assert self._path is not None
        with store_troubles():
            os.fsync(self._file.fileno())
            _moved(self._path, target)
        self._path = None

    def discard(self) -> None:
        """After a publish there is nothing to discard but the open file."""
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _moved(path: Path, target: Path) -> None:
    for attempt in range(1, MOVES + 1):
        try:
            made = _folders_made(target.parent)
            path.replace(target)
        except (FileNotFoundError, FileExistsError):  # the second is how mkdir puts it
            if attempt == MOVES:
                raise
            continue
        for folder in (target.parent, *(folder.parent for folder in made)):
            _fsync_folder(folder)
        return


def _folders_made(folder: Path) -> list[Path]:
    missing = [step for step in (folder, *folder.parents) if not step.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return missing


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
