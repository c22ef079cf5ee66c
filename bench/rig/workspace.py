"""Catalogue, database and store for jobs of the scripted provider."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio.client import Client

from aijobs.bootstrap import Adapters, open_adapters, open_database
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobBrief, JobRequest
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import brief_of
from aijobs.settings import SHIPPED_CATALOGUE, GivenSettings
from bench.rig.scripted_provider import ScriptedProvider
from workflows.client import start_job

MODEL: Final = "replicate_imageupscale_v1"
USER: Final = "bench"
POINTS_ENOUGH: Final = 1_000_000
SECRET: Final = "only for this measurement"  # noqa: S105 - protects nothing


def catalogue_with_polls(every: timedelta) -> Catalogue:
    """The shipped catalogue, with a poll every `every`."""
    return Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), poll_policy(every))


def poll_policy(every: timedelta) -> str:
    """A layer for the catalogue. Nothing is learned, so that it stays so."""
    pause = f"{every / timedelta(milliseconds=1):g}ms"
    poll = f'poll = {{ first = "{pause}", max = "{pause}", factor = 1, jitter = 0 }}'
    return f"[models.{MODEL}]\n{poll}\nlearning = {{ enabled = false }}\n"


class Workspace:
    """Accepts jobs as the API does: one transaction, then the start of the workflow."""

    def __init__(self, client: Client, database: Database, catalogue: Catalogue) -> None:
        self._client = client
        self._database = database
        self._catalogue = catalogue
        self._model = catalogue.model(MODEL)

    async def submit_job(self) -> JobBrief:
        acceptance = Acceptance(
            user_id=USER,
            request=JobRequest(model_id=MODEL, params={}),
            model=self._model,
            params={},
            created_by=USER,
            daily_limit=POINTS_ENOUGH,
        )
        brief = brief_of(await self._database.write(accept, acceptance), self._catalogue)
        await start_job(self._client, brief)
        return brief


@asynccontextmanager
async def opened_workspace(
    client: Client, folder: Path, catalogue: Catalogue, *, database_url: str | None = None
) -> AsyncIterator[Workspace]:
    """Without a URL the database is the folder's own."""
    async with open_database(settings_in(folder, database_url=database_url)) as database:
        yield Workspace(client, database, catalogue)


def open_bench_adapters(
    folder: Path, catalogue: Catalogue, provider: ScriptedProvider, **sections: Any
) -> AbstractAsyncContextManager[Adapters]:
    """The adapters of a worker; several processes may share the folder. `sections` are sections of the settings."""
    providers = {catalogue.model(MODEL).provider: provider}
    return open_adapters(settings_in(folder, **sections), catalogue=catalogue, providers=providers)


def settings_in(folder: Path, **sections: Any) -> GivenSettings:
    return GivenSettings(data_dir=folder, secret=SECRET, **sections)
