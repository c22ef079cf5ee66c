"""A happy job without Temporal and without a network: the worker's own steps in order, on a real database."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from itertools import count
from typing import Concatenate, Final, NoReturn, ParamSpec, TypeVar

from sqlalchemy import Engine, event
from sqlmodel import Session
from temporalio.testing import ActivityEnvironment

from activities.learned_times import LearnedTimes
from activities.migration import MigrationActivities
from activities.output_transfer import OutputTransfer
from activities.polling import PollingActivities
from activities.routing import Routing
from activities.submission import SubmissionActivities
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import NotFound
from aijobs.domain.jobs.activity_io import MigrationInput, PollInput
from aijobs.domain.jobs.job import JobBrief, JobRequest
from aijobs.domain.jobs.outputs import Download, OutputKind, OutputSource, StoredObject
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.vendor_credentials import FRESH_FOR, DatabaseCredentialHealth
from aijobs.settings import SHIPPED_CATALOGUE
from bench.rig.scripted_provider import ScriptedProvider
from bench.rig.workspace import MODEL, POINTS_ENOUGH

P = ParamSpec("P")
T = TypeVar("T")

USERS: Final = 20
PICTURE: Final = b"a picture"
SHA256: Final = "0" * 64
APART: Final = ("BEGIN", "NOTIFY")  #: statements that are not counted

_numbers = count()


class CountedDatabase(Database):
    """An open database that counts the transactions it is asked for."""

    def __init__(self, database: Database) -> None:
        vars(self).update(vars(database))
        self.writes = self.reads = 0

    async def write(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.writes += 1
        return await super().write(work, *args, **kwargs)

    async def read(self, work: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.reads += 1
        return await super().read(work, *args, **kwargs)


@contextmanager
def noted_statements() -> Iterator[list[str]]:
    """The statements of all databases meanwhile, without BEGIN, COMMIT and hints."""
    noted: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(APART):
            noted.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(Engine, "before_cursor_execute", note)


class _NoDownloader:
    """Implements Downloader: the picture is here already."""

    @asynccontextmanager
    async def fetch(
        self, source: OutputSource, *, expect: OutputKind, hosts: tuple[str, ...]
    ) -> AsyncIterator[Download]:
        yield Download(media_type="image/png", extension="png", kind=expect, total=len(PICTURE), chunks=_picture())


class _NoStore:
    """Implements ObjectStore, and keeps nothing."""

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, media_type: str) -> StoredObject:
        size = sum([len(chunk) async for chunk in chunks])
        return StoredObject(key=key, size=size, sha256=SHA256)

    def read(self, key: str, *, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        raise NotFound(key)

    async def delete(self, key: str) -> None: ...

    async def tidy(self, *, older_than: timedelta) -> int:
        return 0

    async def link(self, key: str, *, lifetime: timedelta, filename: str, media_type: str) -> NoReturn:
        raise NotFound(key)

    async def probe(self) -> None: ...


class _NoMedia:
    """Implements MediaReader. The jobs' outputs are pictures, which it is not asked for."""

    async def facts(self, key: str, *, size: int) -> NoReturn:
        raise NotFound(key)

    async def poster(self, key: str, *, size: int, side: int, square: bool = False) -> NoReturn:
        raise NotFound(key)

    async def waveform(self, key: str, *, size: int) -> NoReturn:
        raise NotFound(key)


async def _picture() -> AsyncIterator[bytes]:
    yield PICTURE


class HappyJobs:
    """Accepts jobs of the scripted provider, and takes them to SUCCESS.

    `fresh_for`: for how many seconds it goes by what it has read of credentials.
    """

    def __init__(self, database: Database, *, fresh_for: float = FRESH_FOR) -> None:
        catalogue = Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"))
        records = DatabaseRecords(database, catalogue)
        model = catalogue.model(MODEL)
        provider, store = ScriptedProvider(), _NoStore()
        providers = {model.provider: provider}
        self._database, self._catalogue, self._model = database, catalogue, model
        self._submit = SubmissionActivities(
            records.submissions,
            Routing(catalogue, providers, DatabaseCredentialHealth(database, fresh_for=fresh_for)),
            store,
            None,
            records.start_conditions,
            secret=b"of the benchmark",
        )
        self._poll = PollingActivities(
            records.submissions,
            records.queries,
            records.gate,
            records.late_outcomes,
            catalogue,
            providers,
            LearnedTimes(records.generation_times),
        )
        transfer = OutputTransfer(records.outputs, _NoDownloader(), store, _NoMedia(), at_once=1000)
        self._migrate = MigrationActivities(records.gate, catalogue, providers, transfer, outputs_at_once=4)
        self._environment = ActivityEnvironment()

    async def accept(self) -> JobBrief:
        order = Acceptance(
            user_id=f"user{next(_numbers) % USERS}",
            request=JobRequest(model_id=MODEL, params={"prompt": "a lighthouse at dusk", "steps": 30, "seed": 7}),
            model=self._model,
            params={"prompt": "a lighthouse at dusk", "steps": 30, "seed": 7, "width": 1024, "height": 768},
            created_by="bench",
            daily_limit=POINTS_ENOUGH,
        )
        return brief_of(await self._database.write(accept, order), self._catalogue)

    async def run(self, brief: JobBrief) -> None:
        """From DRAFT to SUCCESS, with three polls that bring news. How long it took is learned, as it always is."""
        run = self._environment.run
        submitted = await run(self._submit.submit, brief)
        status, ref = submitted.job_status, submitted.ref
        while status.is_before(JobStatus.GENERATED):
            poll = PollInput(
                brief=brief,
                job_status=status,
                unit_progress=None,
                ref=ref,
                submitted_at=self._environment.info.started_time,
            )
            news = await run(self._poll.watch, poll)
            status, ref = news.job_status, news.ref or ref
        migrated = await run(self._migrate.migrate, MigrationInput(**dict(brief), ref=ref))
        assert migrated.job_status is JobStatus.SUCCESS, migrated
