"""A file that is written to a temporary name, synced to disk, and then renamed into place."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final

from aijobs.domain.errors import StoreUnavailable

#: a concurrent delete may remove the target folder between its creation and the rename
MOVE_ATTEMPTS: Final = 20


@contextmanager
def store_errors() -> Iterator[None]:
    """OSError becomes StoreUnavailable, with the reason and without paths."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"The store's directory cannot be used: {error.strerror}.") from error


class AtomicFile:
    """It is in the store's own file system, so that publishing is a rename. All methods block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: FileIO | None = None
        self._path: Path | None = None

    def begin(self) -> None:
        with store_errors():
            descriptor, name = tempfile.mkstemp(dir=self._folder)
        self._path, self._file = Path(name), FileIO(descriptor, "w")

    def write(self, batch: bytes | bytearray) -> None:
        assert self._file is not None
        rest = memoryview(batch)
        with store_errors():
            while rest:
                rest = rest[self._file.write(rest) or 0 :]

    def publish(self, target: Path) -> None:
        """Sync the content, rename, and sync the folders. When this returns, content and name are durable."""
        assert self._file is not None
        assert self._path is not None
        with store_errors():
            os.fsync(self._file.fileno())
            _move(self._path, target)
        self._path = None

    def discard(self) -> None:
        """Close the file, and delete it unless it was published."""
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _move(path: Path, target: Path) -> None:
    for attempt in range(1, MOVE_ATTEMPTS + 1):
        try:
            created = _make_folders(target.parent)
            path.replace(target)
        except (FileNotFoundError, FileExistsError):  # mkdir raises the second one when the folder was removed
            if attempt == MOVE_ATTEMPTS:
                raise
            continue
        for folder in (target.parent, *(folder.parent for folder in created)):
            _fsync_folder(folder)
        return


def _make_folders(folder: Path) -> list[Path]:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return missing


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
