"""The installation's secret: signs links and tokens, and peppers the hashes of keys."""

import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

from aijobs.persistence.private_files import make_private_folder

SECRET_FILE: Final = "secret"  # noqa: S105 - a name
SECRET_BYTES: Final = 32


def data_secret(data_dir: Path) -> bytes:
    """The secret of a data directory, made at the first use."""
    return written_once(data_dir / SECRET_FILE, secrets.token_bytes(SECRET_BYTES))


def written_once(path: Path, content: bytes) -> bytes:
    """What the file holds: `content`, if there was no such file. Only its owner may read it.

    Of several processes that come at once, one writes it, and all read the same. Never seen half-written.
    """
    make_private_folder(path.parent)
    if not path.exists():
        descriptor, fresh = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # with mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            Path(fresh).unlink()
    return path.read_bytes()
