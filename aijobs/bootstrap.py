"""Opens the adapters that the settings select, in one place for all processes.

The worker, the API, the command line, the benchmarks and the tests open them here; nobody opens one by hand. What is to
be replaced (a scripted provider, another catalogue) is an argument.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from aijobs.adapters.documents.reader import DocumentReader
from aijobs.adapters.documents.table_files import TableFiles
from aijobs.adapters.download.downloader import SafeDownloader
from aijobs.adapters.download.redirects import link_error
from aijobs.adapters.media.audio_video.stored_media import StoredMediaReader
from aijobs.adapters.media.picture_reader import PictureReader
from aijobs.adapters.storage.open_store import opened_store, prepare_store
from aijobs.adapters.storage.served_objects import SignedObjects
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.adapters.webhooks.sender import HttpWebhookSender
from aijobs.adapters.webhooks.url_check import webhook_url_error
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.errors import DatabaseUnavailable
from aijobs.domain.ports.documents import CostEstimator, DocumentParser, TableWriter
from aijobs.domain.ports.downloads import Downloader
from aijobs.domain.ports.generators import Generator
from aijobs.domain.ports.media import MediaReader
from aijobs.domain.ports.object_store import ObjectStore, ServedObjects
from aijobs.domain.ports.photos import PictureDecoder
from aijobs.domain.ports.providers import Provider
from aijobs.domain.ports.webhooks import Deliveries, WebhookSender
from aijobs.generators.costs import DocumentCosts
from aijobs.generators.registry import opened_generators
from aijobs.persistence.access import installation
from aijobs.persistence.access.installation import known_installation_id
from aijobs.persistence.added_models import load_added
from aijobs.persistence.database import (
    LATEST_REVISION,
    Database,
    existing_database,
    opened_database,
    prepared_database,
)
from aijobs.persistence.database.open_database import revision_of
from aijobs.persistence.database.schema import copy_before
from aijobs.persistence.jobs.reports import last_report
from aijobs.persistence.private_files import keep_private
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from aijobs.providers.registry import opened_providers
from aijobs.settings import PREFIX, Settings, SettingsError, is_sqlite
from aijobs.tracing.spans import is_on, record_work
from aijobs.tracing.traced_store import traced_store


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """The open adapters, with the settings that they were opened with. `secret` is the installation's."""

    settings: Settings
    secret: bytes
    catalogue: Catalogue
    database: Database
    records: DatabaseRecords
    store: ObjectStore
    served: ServedObjects
    documents: DocumentReader
    costs: CostEstimator | None
    tables: TableWriter
    pictures: PictureDecoder
    media: MediaReader
    downloader: Downloader
    providers: Mapping[str, Provider]
    generators: Mapping[str, Generator]
    deliveries: Deliveries
    webhook_sender: WebhookSender
    webhook_url_error: Callable[[str], str | None]


@asynccontextmanager
async def open_adapters(
    settings: Settings,
    *,
    catalogue: Catalogue | None = None,
    providers: Mapping[str, Provider] | None = None,
    generators: Mapping[str, Generator] | None = None,
) -> AsyncIterator[Adapters]:
    """Open the adapters that the settings select until the context ends; an argument replaces the adapter.

    Makes the database, the store's folder and the secret where there is none yet. Raises SettingsError when the
    operator's catalogue or chat model cannot be used, and whatever the database and the store raise when they are
    opened.
    """
    keep_private(settings.data_dir)
    catalogue = catalogue or settings.load_catalogue()
    secret, documents = settings.load_secret(), DocumentReader(settings.documents)
    async with AsyncExitStack() as opened:
        database = _traced(await opened.enter_async_context(open_database(settings)))
        catalogue.added_from(partial(load_added, database, catalogue))
        store = traced_store(await opened.enter_async_context(open_store(settings, secret=secret)))
        pictures = await opened.enter_async_context(PictureReader.opened(settings.pictures))
        if providers is None:
            last_report = partial(_last_report, database)
            providers = await opened.enter_async_context(opened_providers(settings, last_report=last_report))
        if generators is None:
            generating = opened_generators(
                settings.chat, settings.data_dir, database=database, store=store, reader=documents, pictures=pictures
            )
            generators = await opened.enter_async_context(generating)
        _check_rules(catalogue, providers, generators)
        yield Adapters(
            settings=settings,
            secret=secret,
            catalogue=catalogue,
            database=database,
            records=DatabaseRecords(database, catalogue, settings.limits, settings.retention),
            store=store,
            served=SignedObjects(LinkSigner(secret, settings.base_url), store),
            documents=documents,
            costs=_document_costs(settings),
            tables=TableFiles(),
            pictures=pictures,
            media=StoredMediaReader(store, pictures),
            downloader=await opened.enter_async_context(SafeDownloader(settings.download)),
            providers=providers,
            generators=generators,
            deliveries=DatabaseDeliveries(database, disable_after=settings.webhooks.disable_after),
            webhook_sender=await opened.enter_async_context(HttpWebhookSender(settings.webhooks, secret)),
            webhook_url_error=partial(webhook_url_error, trusted=settings.webhooks.trusted),
        )


def _check_rules(catalogue: Catalogue, providers: Mapping[str, Provider], generators: Mapping[str, Generator]) -> None:
    """Raises SettingsError for an operator's rule about a parameter that its model does not have."""
    for model in catalogue:
        adapter = providers.get(model.provider) if model.asyn else generators.get(model.provider)
        ruled = model.parameters.allowed.keys() | model.parameters.defaults.keys()
        if adapter and ruled and (unknown := ruled - adapter.parameters(model).model_fields.keys()):
            raise SettingsError(
                f"{PREFIX}CATALOGUE: The catalogue's model {model.model_id!r} is wrong: "
                f"parameters: it has none named {', '.join(sorted(unknown))}"
            )


def output_link_error(settings: Settings, url: str, hosts: tuple[str, ...]) -> str | None:
    """Why a download from a provider with these hosts would refuse a link, as far as the link alone says it."""
    return link_error(url, hosts, settings.download.trusted)


def _traced(database: Database) -> Database:
    """The database, whose work is part of the trace where traces are kept."""
    if is_on():
        database.observe_by(record_work)
    return database


async def _last_report(database: Database, provider: str, ref_id: str) -> Mapping[str, Any] | None:
    return await database.read(last_report, provider, ref_id)


def _document_costs(settings: Settings) -> DocumentCosts | None:
    """None without a language model."""
    chat = settings.chat
    return DocumentCosts(terms=chat.terms, takes_files=chat.send_files) if chat.token else None


def document_reader(settings: Settings) -> DocumentParser:
    """The reader of documents alone."""
    return DocumentReader(settings.documents)


def open_database(settings: Settings) -> AbstractAsyncContextManager[Database]:
    """The database alone, for commands that need nothing else."""
    return opened_database(settings.database, settings.postgresql)


def open_existing_database(settings: Settings) -> AbstractAsyncContextManager[Database]:
    """The database as it is, for reading only: it is neither created nor migrated."""
    return existing_database(settings.database, settings.postgresql)


async def known_installation(settings: Settings) -> str | None:
    """The id of this installation. None when the database is away, or nothing has started with it yet."""
    try:
        async with open_existing_database(settings) as database:
            return await database.read(known_installation_id)
    except (DatabaseUnavailable, SQLAlchemyError):
        return None


async def known_revision(settings: Settings) -> str | None:
    """The revision of a database that is there. None when a file is missing, or has no tables."""
    return await asyncio.to_thread(_known_revision, make_url(settings.database))


def _known_revision(url: URL) -> str | None:
    is_missing = url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()
    return None if is_missing else revision_of(url)


async def note_older_copy(settings: Settings, copied_at: datetime) -> tuple[int, int]:
    """Bring a database that was restored up to date, and note what it is a copy of.

    Returns how many jobs may have been sent since, and how many batches pause. Raises DatabaseUnavailable.
    """
    await prepared_database(settings.database)
    async with open_existing_database(settings) as database:
        return await database.write(installation.note_older_copy, copied_at)


async def prepare_database(settings: Settings) -> AsyncIterator[str]:
    """Make the database where it is missing, and bring it up to date: on PostgreSQL nothing else does so.

    Yields what was done or found. Raises DatabaseUnavailable.
    """
    before = await prepared_database(settings.database)
    match before:
        case None:
            yield f"made its tables, at revision {LATEST_REVISION}"
        case _ if before == LATEST_REVISION:
            yield f"is at revision {LATEST_REVISION}"
        case _ if before > LATEST_REVISION:
            yield f"is at revision {before}, newer than {LATEST_REVISION}, which this version can work with"
        case _:
            yield f"brought from revision {before} to {LATEST_REVISION}"
            if is_sqlite(settings.database):
                copy = copy_before(Path(make_url(settings.database).database or ""), before)
                yield f"as it was before, it is kept in {copy}"


def prepare_object_store(settings: Settings) -> AsyncIterator[str]:
    """Make the bucket, with its rules, or the directory. Yields what was done or found. Raises StoreUnavailable."""
    signer = LinkSigner(b"only for the test object", settings.base_url)
    return prepare_store(settings.store, data_dir=settings.data_dir, signer=signer)


def open_store(settings: Settings, *, secret: bytes) -> AbstractAsyncContextManager[ObjectStore]:
    """The object store alone. `secret` signs the links of a store in a directory."""
    signer = LinkSigner(secret, settings.base_url)
    return opened_store(settings.store, data_dir=settings.data_dir, signer=signer)
