"""PostgreSQL is restored to a moment between two jobs, by its own tools, while Temporal and the vendor know more."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from aijobs.domain.lifecycle import JobStatus
from sandbox.config import Pace
from tests.cli.command import aijobs_process
from tests.persistence.database.postgresql_server import (
    HOST,
    PLAIN_LOCALE,
    SUPERUSER,
    UNPRIVILEGED,
    PostgresqlServer,
    postgresql_server,
    unprivileged,
)
from tests.stories.stack import PHOTO, StoryStack, running_stack
from tests.stories.test_settling import entries_of

DATABASE = "aijobs"
SECRET = "a secret that all hosts have"
ARCHIVING = {"archive_mode": "on", "wal_level": "replica"}
TIMEOUT = 60.0


class ArchivedServer:
    """A server whose write-ahead log is kept, as docs/backups.md says."""

    def __init__(self, server: PostgresqlServer) -> None:
        self.server = server
        self.archive = server.folder / "archive"
        self.base = server.folder / "base" / "data"
        self.archive.mkdir()
        self.base.parent.mkdir()
        if os.geteuid() == 0:
            for folder in (self.archive, self.base.parent):
                shutil.chown(folder, UNPRIVILEGED)
        kept = f"test ! -f {self.archive}/%f && cp %p {self.archive}/%f"
        server.execute(sql.SQL("ALTER SYSTEM SET archive_command = {}").format(sql.Literal(kept)))
        server.execute(sql.SQL("SELECT pg_reload_conf()"))

    @property
    def url(self) -> str:
        return self.server.url(DATABASE)

    def back_up(self) -> None:
        """The base that the log is applied to."""
        program, server = self.server.binaries / "pg_basebackup", ("--host", HOST, "--port", self.server.port)
        self._unprivileged(program, *server, "--username", SUPERUSER, "--pgdata", self.base, "--checkpoint", "fast")

    def moment(self) -> str:
        """Now, by the server's clock."""
        ((now,),) = self.server.execute(sql.SQL("SELECT to_char(now(), 'YYYY-MM-DD HH24:MI:SS.USOF')"))
        return str(now)

    def lose(self) -> None:
        """The last of the log is archived, and the machine is gone."""
        self.server.execute(
            sql.SQL("SELECT pg_create_restore_point('the end')")
        )  # else there may be nothing to archive
        ((last,),) = self.server.execute(sql.SQL("SELECT pg_walfile_name(pg_switch_wal())"))
        deadline = time.monotonic() + TIMEOUT
        while not (self.archive / str(last)).exists():
            assert time.monotonic() < deadline, list(self.archive.iterdir())
            time.sleep(0.1)
        self.server.kill()
        shutil.rmtree(self.server.data)

    def _unprivileged(self, *command: object) -> None:
        subprocess.run(unprivileged([*map(str, command)]), check=True, capture_output=True, timeout=TIMEOUT, cwd="/")

    @contextmanager
    def restored(self, moment: str) -> Iterator[None]:
        """A server of the base, brought to the moment, at the same address."""
        settings = {
            "restore_command": f"cp {self.archive}/%f %p",
            "recovery_target_time": moment,
            "recovery_target_action": "promote",
        }
        subprocess.run(
            unprivileged(["touch", str(self.base / "recovery.signal")]), check=True, timeout=TIMEOUT, cwd="/"
        )
        again = replace(self.server, folder=self.base.parent, options=settings, process=None)
        again.start()
        try:
            deadline = time.monotonic() + TIMEOUT
            while again.execute(sql.SQL("SELECT pg_is_in_recovery()")) != [(False,)]:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield
        finally:
            again.stop()


@pytest.fixture
def archived() -> Iterator[ArchivedServer]:
    with postgresql_server(options=ARCHIVING, locale=PLAIN_LOCALE) as server:
        yield ArchivedServer(server)


async def prepare(archived: ArchivedServer, folder: Path) -> dict[str, str]:
    """The tables, and a key. Returns the settings."""
    settings = {"AIJOBS_DATABASE_URL": archived.url, "AIJOBS_SECRET": SECRET, "AIJOBS_ONE_HOST": "true"}
    for command in (("init", "--only", "database"), ("keys", "create", "story", "--json")):
        done = await aijobs_process(*command, folder=folder, **settings)
        assert (done.code, done.err) == (0, "")
    (folder / "key").write_text(done.document["key"])
    return settings


async def unsent_job(stack: StoryStack) -> str:
    """A job that is accepted, and of which no worker has heard."""
    image = await stack.upload(PHOTO.read_bytes())
    await stack.kill("worker")
    return await stack.submit(params={"image": image})


async def test_nothing_is_paid_twice_after_a_recovery_to_a_point_in_time(
    archived: ArchivedServer, tmp_path: Path
) -> None:
    settings = await prepare(archived, tmp_path)
    async with running_stack(tmp_path, settings=settings, pace=Pace(queue_seconds=0.4, work_seconds=8)) as stack:
        archived.back_up()
        before = await stack.submit()
        assert (await stack.statuses(before))[-1] == "SUCCESS"
        sent_later = await unsent_job(stack)
        moment = archived.moment()
        after = await stack.submit()
        await stack.start("worker")
        assert (await stack.statuses(after))[-1] == "SUCCESS"
        still_running = await stack.submit()
        await stack.until(still_running, JobStatus.PROCESSING)
        assert (await stack.statuses(sent_later))[-1] == "SUCCESS"
        for name in ("worker", "api"):
            await stack.kill(name)
        paid = stack.paid_submits()
        archived.lose()

        with archived.restored(moment):
            said = await aijobs_process("restore", "--copy-of", moment.replace(" ", "T"), folder=tmp_path, **settings)
            assert (said.code, said.err) == (0, "")
            assert "1 jobs may have been sent" in said.out
            for name in ("api", "worker"):
                await stack.start(name)

            assert (await stack.job(before))["job_status_name"] == "SUCCESS"
            for lost in (after, still_running):
                gone = await stack.api.get(f"/api/jobs/{lost}", headers={"Aijobs-User": "ada"})
                assert gone.status_code == 404
            assert (await stack.statuses(sent_later))[-1] == "TIMEOUT"
            assert (await stack.job(sent_later))["error"]["code"] == "submission_forgotten"
            assert await entries_of(stack, "ada") == ["reserve", "settle", "reserve", "hold"]
            assert stack.paid_submits() == paid

            later = await stack.submit()
            assert (await stack.statuses(later))[-1] == "SUCCESS"
            assert stack.paid_submits() == paid + 1
            for name in ("worker", "api"):
                await stack.kill(name)


async def test_a_job_that_was_sent_after_the_moment_and_still_runs_comes_to_its_end(
    archived: ArchivedServer, tmp_path: Path
) -> None:
    """Its workflow knows the vendor's id, which the database has lost."""
    settings = await prepare(archived, tmp_path)
    async with running_stack(tmp_path, settings=settings, pace=Pace(queue_seconds=0.4, work_seconds=20)) as stack:
        archived.back_up()
        code = await unsent_job(stack)
        moment = archived.moment()
        await stack.start("worker")
        await stack.until(code, JobStatus.PROCESSING)
        for name in ("worker", "api"):
            await stack.kill(name)
        archived.lose()

        with archived.restored(moment):
            await aijobs_process("restore", "--copy-of", moment.replace(" ", "T"), folder=tmp_path, **settings)
            for name in ("api", "worker"):
                await stack.start(name)

            assert (await stack.statuses(code))[-1] == "SUCCESS"
            assert await entries_of(stack, "ada") == ["reserve", "settle"]
            assert stack.paid_submits() == 1
            for name in ("worker", "api"):
                await stack.kill(name)
