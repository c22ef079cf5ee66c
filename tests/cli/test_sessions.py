"""Sessions are listed and ended straight in the database."""

import asyncio
from datetime import timedelta
from pathlib import Path

from aijobs.persistence.access.sessions import PERSON_PREFIX, SessionStart, add_session
from aijobs.persistence.database import Database
from aijobs.persistence.database.open_database import opened_database
from cli.errors import Exit
from tests.cli.conftest import Command

DAY = timedelta(days=1)


async def sign_in(folder: Path) -> None:
    async def work(database: Database, name: str, start: SessionStart) -> None:
        await add_session(database, b"secret", key_id=name, user_id=None, lifetime=DAY, idle=DAY, start=start)

    async with opened_database(f"sqlite:///{folder / 'aijobs.db'}") as database:
        await work(database, "65d3e14cf409ebb0", SessionStart(address="10.0.0.9", browser="Firefox"))
        await work(database, f"{PERSON_PREFIX}ada@example.com", SessionStart(role="operator"))


def test_sessions_are_listed_and_ended(aijobs: Command, tmp_path: Path) -> None:
    aijobs("keys", "create", "backend")
    asyncio.run(sign_in(tmp_path))

    persons, keys = aijobs("sessions", "list", "--json").document["data"]
    shown = aijobs("sessions", "list")
    ended = aijobs("sessions", "end", persons["id"], keys["id"])
    again = aijobs("sessions", "end", persons["id"])

    assert (persons["person"], persons["role"], persons["key_id"]) == ("ada@example.com", "operator", None)
    assert (keys["person"], keys["key_id"], keys["address"]) == (None, "65d3e14cf409ebb0", "10.0.0.9")
    assert persons["id"] in shown.out
    assert "ada@example.com" in shown.out
    assert (ended.code, again.code) == (Exit.SUCCESS, Exit.NOT_FOUND)
    assert aijobs("sessions", "list", "--json").document["data"] == []
