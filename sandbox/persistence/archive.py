"""What survives a kill of the sandbox: small documents in SQLite, image bytes as files beside it."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS documents (kind TEXT, id TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID
"""


class Archive:
    """Documents by kind and id; each write is committed before the call returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, kind: str, key: str, body: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (kind, key, body))

    def get(self, kind: str, key: str) -> str | None:
        row = self._connection.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, key)).fetchone()
        return str(row[0]) if row else None

    def remove(self, kind: str, key: str) -> None:
        self._connection.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, key))

    def clear(self, kind: str) -> None:
        self._connection.execute("DELETE FROM documents WHERE kind = ?", (kind,))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """The writes in the block are committed together, or none of them."""
        self._connection.execute("BEGIN IMMEDIATE")
        with self._connection:
            yield

    def all(self, kind: str) -> list[str]:
        rows = self._connection.execute("SELECT body FROM documents WHERE kind = ? ORDER BY id", (kind,))
        return [str(row[0]) for row in rows]


class Blobs:
    """Bytes by name, one file each, written atomically. Blocking: call it from a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        return self._folder / name

    def write(self, name: str, content: bytes) -> None:
        unfinished = self.path(f"{name}.part")
        unfinished.write_bytes(content)
        unfinished.replace(self.path(name))

    def read(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def has(self, name: str) -> bool:
        return self.path(name).is_file()

    def remove(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def clear(self) -> None:
        for blob in self._folder.iterdir():
            blob.unlink(missing_ok=True)


@contextmanager
def opened(data_dir: Path | None) -> Iterator[tuple[Archive, Blobs]]:
    """The archive in `data_dir`, or in a temporary folder that is removed at the end."""
    if data_dir is None:
        with tempfile.TemporaryDirectory(prefix="sandbox-") as folder, _opened_in(Path(folder)) as both:
            yield both
        return
    data_dir.mkdir(parents=True, exist_ok=True)
    with _opened_in(data_dir) as both:
        yield both


@contextmanager
def _opened_in(folder: Path) -> Iterator[tuple[Archive, Blobs]]:
    with closing(sqlite3.connect(folder / "sandbox.sqlite3", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(SCHEMA)
        yield Archive(connection), Blobs(folder / "blobs")
