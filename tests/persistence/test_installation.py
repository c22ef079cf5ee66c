"""The id of an installation, which its database keeps."""

import asyncio

from aijobs.persistence.access.installation import installation_id, known_installation_id
from aijobs.persistence.database import Database


async def test_many_that_start_at_once_are_one_installation(database: Database) -> None:
    assert await database.read(known_installation_id) is None

    ids = await asyncio.gather(*(database.write(installation_id) for _ in range(20)))

    assert len(set(ids)) == 1
    assert ids[0].startswith("inst_")
    assert await database.read(known_installation_id) == ids[0]
