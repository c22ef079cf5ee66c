"""What an operator does before the first start on PostgreSQL: prepare the installation, and make a key."""

import asyncio
import json
import secrets
import sys
from collections.abc import Mapping

from chaos.stack.database import RunDatabase, Wrapped
from cli.errors import CommandError


def database_settings(database: RunDatabase) -> dict[str, str]:
    """The environment variables that select it, on one host."""
    if database.url is None:
        return {}
    return {"AIJOBS_DATABASE_URL": database.url, "AIJOBS_SECRET": secrets.token_hex(), "AIJOBS_ONE_HOST": "true"}


async def prepared(environment: Mapping[str, str], *parts: str, on: Wrapped = tuple) -> str:
    """Prepare these parts of the installation, where no other process does, and make a key. Returns it."""
    await _output_of(environment, "init", "--only", ",".join(parts), on=on)
    key: str = json.loads(await _output_of(environment, "keys", "create", "chaos", "--json", on=on))["key"]
    return key


async def _output_of(environment: Mapping[str, str], *arguments: str, on: Wrapped) -> str:
    """Of an `aijobs` command that ends. Raises CommandError."""
    process = await asyncio.create_subprocess_exec(
        *on((sys.executable, "-m", "cli.main", *arguments)),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise CommandError(f"aijobs {' '.join(arguments)} failed.", details=(out.decode(), err.decode()))
    return out.decode()
