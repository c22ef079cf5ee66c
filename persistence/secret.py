"""The installation's secret: signs links and tokens, and peppers the hashes of keys."""

import os
import secrets
from pathlib import Path
from typing import Final

FILE_NAME: Final = "secret"
SECRET_BYTES: Final = 32


def data_secret(data_dir: Path) -> bytes:
    """The secret of a data directory, made at the first use. Of several processes that start at once, one makes it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / FILE_NAME
    if not path.exists():
        fresh = data_dir / f"{FILE_NAME}.{os.getpid()}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()
