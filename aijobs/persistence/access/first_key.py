"""The service key that an embedded installation creates at its first start."""

import asyncio
from pathlib import Path
from typing import Final

from aijobs.persistence.access.keys import KeyKind, adopt_key, key_id_in, new_key_text
from aijobs.persistence.access.secret import replaced, written_once
from aijobs.persistence.database import Database

KEY_FILE: Final = "key"
LOCAL_USER: Final = "local"  #: the user that the first key acts for when a request names none


async def ensure_first_key(database: Database, secret: bytes, data_dir: Path) -> str:
    """The text of the service key in `data_dir/key`, made at the first start.

    The file is written first, and the database from it: several processes that start at once, or are killed, all end
    with the same key. A revoked key stays revoked.
    """
    fresh = f"{new_key_text(KeyKind.SERVICE)}\n".encode()
    written = await asyncio.to_thread(written_once, data_dir / KEY_FILE, fresh)
    text = written.decode().strip()
    await adopt_key(database, secret, text, name="first key", user_id=LOCAL_USER)
    return text


def replace_first_key(data_dir: Path, key_id: str, text: str) -> bool:
    """Write the text into the file `key` when this is the key that it holds. Returns whether it was."""
    file = data_dir / KEY_FILE
    if not file.exists() or key_id_in(file.read_text("utf-8").strip()) != key_id:
        return False
    replaced(file, f"{text}\n".encode())
    return True
