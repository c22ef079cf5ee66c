"""A database that is replaced by an older copy: nothing is sent again, and what may have been paid is held."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.stories.stack import PHOTO, running_stack
from tests.stories.test_settling import entries_of, wait_for_note


def copied(database: Path, to: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


async def test_a_job_that_ended_after_the_copy_was_made(tmp_path: Path) -> None:
    database, copy = tmp_path / "aijobs.db", tmp_path / "older.db"
    async with running_stack(tmp_path) as stack:
        image = await stack.upload(PHOTO.read_bytes())
        await stack.kill("worker")
        code = await stack.submit(params={"image": image})
        copied(database, copy)
        await stack.start("worker")
        assert (await stack.statuses(code))[-1] == "SUCCESS"
        paid = stack.paid_submits()

        for name in ("worker", "api"):
            await stack.kill(name)
        for leftover in ("-wal", "-shm"):
            Path(f"{database}{leftover}").unlink(missing_ok=True)
        shutil.copyfile(copy, database)
        for name in ("api", "worker"):
            await stack.start(name)

        assert (await stack.statuses(code))[-1] == "TIMEOUT"
        assert (await stack.job(code))["error"]["code"] == "submission_forgotten"
        assert await entries_of(stack, "ada") == ["reserve", "hold"]
        assert stack.paid_submits() == paid
        decided = await stack.api.post(f"/api/jobs/{code}/resolve", json={"decision": "charge", "why": "its list"})
        assert decided.status_code == 200, decided.text
        assert (await wait_for_note(stack, code, "ada", "resolved"))["resolved"] == "charge"
