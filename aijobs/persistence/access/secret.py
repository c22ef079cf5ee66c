"""The installation's secret: signs links and tokens, and keys the hashes of API keys."""

import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

from aijobs.persistence.private_files import make_private_folder

SECRET_FILE: Final = "secret"  # noqa: S105 - a name
SECRET_BYTES: Final = 32


def data_secret(data_dir: Path) -> bytes:
    """The secret of a data directory, created at the first call."""
    return written_once(data_dir / SECRET_FILE, secrets.token_bytes(SECRET_BYTES))


def written_once(path: Path, content: bytes) -> bytes:
    """The content of the file, which is created with `content` if it does not exist. Only its owner may read it.

    When several processes call this at once, one writes and all read the same. It is never seen half-written.
    """
    make_private_folder(path.parent)
    if not path.exists():
        fresh = _written_beside(path, content)
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()


def replaced(path: Path, content: bytes) -> None:
    """Give the file another content. It is seen with the old or with the new, and only its owner may read it."""
    _written_beside(path, content).replace(path)


def _written_beside(path: Path, content: bytes) -> Path:
    descriptor, fresh = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        Path(fresh).unlink()
        raise
    return Path(fresh)
