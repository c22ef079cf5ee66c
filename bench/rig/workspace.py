"""A place in which jobs of the scripted provider run: catalogue, database, store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from temporalio.client import Client

from aijobs.adapters.download.downloader import SafeDownloader
from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.adapters.storage.settings import DownloadSettings
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.adapters.webhooks.sender import HttpWebhookSender
from aijobs.adapters.webhooks.settings import WebhookSettings
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobBrief, JobRequest
from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.jobs.records import DatabaseRecords
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from aijobs.settings import SHIPPED_CATALOGUE
from bench.rig.scripted_provider import ScriptedProvider
from worker import Collaborators
from workflows.client import start_job

MODEL: Final = "replicate_imageupscale_v1"
USER: Final = "bench"
POINTS_ENOUGH: Final = 1_000_000


def catalogue_that_asks(every: timedelta) -> Catalogue:
    """The shipped catalogue, with another poll policy: the first question and all others `every` so often."""
    return Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"), poll_policy(every))


def poll_policy(every: timedelta) -> str:
    """A layer for the catalogue."""
    pause = f"{every / timedelta(milliseconds=1):g}ms"
    return f'[models.{MODEL}]\npoll = {{ first = "{pause}", max = "{pause}", factor = 1, jitter = 0 }}\n'


class Workspace:
    """Takes jobs in as the API does: one transaction, then the start of the workflow."""

    def __init__(self, client: Client, database: Database, catalogue: Catalogue) -> None:
        self._client = client
        self._database = database
        self._catalogue = catalogue
        self._model = catalogue.model(MODEL)

    async def take_in(self) -> JobBrief:
        order = Acceptance(
            user_id=USER,
            request=JobRequest(model_id=MODEL, params={}),
            model=self._model,
            params={},
            created_by=USER,
            daily_limit=POINTS_ENOUGH,
        )
        async with self._database.write() as session:
            brief = brief_of(await accept(session, order), self._catalogue)
        await start_job(self._client, brief)
        return brief


@asynccontextmanager
async def opened_reception(client: Client, folder: Path, catalogue: Catalogue) -> AsyncIterator[Workspace]:
    async with opened_database(_url(folder)) as database:
        yield Workspace(client, database, catalogue)


@asynccontextmanager
async def opened_collaborators(
    folder: Path, catalogue: Catalogue, provider: ScriptedProvider
) -> AsyncIterator[Collaborators]:
    """What a worker works with; several processes may share the folder."""
    signer = LinkSigner(b"only for this measurement", "http://localhost")
    async with (
        opened_database(_url(folder)) as database,
        DirectoryStore.opened(folder / "store", signer) as store,
        SafeDownloader(DownloadSettings()) as downloader,
        HttpWebhookSender(WebhookSettings(), b"only for this measurement") as messenger,
    ):
        yield Collaborators(
            records=DatabaseRecords(database, catalogue),
            catalogue=catalogue,
            providers={catalogue.model(MODEL).provider: provider},
            store=store,
            downloader=downloader,
            deliveries=DatabaseDeliveries(database, disable_after=timedelta(days=5)),
            messenger=messenger,
        )


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'bench.db'}"
