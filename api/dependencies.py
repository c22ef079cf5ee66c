"""What the routes work with, handed to them by the composition root."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import HTTPConnection

from aijobs.adapters.documents.reader import DocumentReader
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.adapters.storage.signed_links import LinkSigner
from aijobs.adapters.webhooks.settings import WebhookSettings
from aijobs.domain.catalogue import Catalogue, Model
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.ports.generators import Generator
from aijobs.domain.ports.object_store import ObjectStore
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import Capabilities
from aijobs.persistence.database import Database
from aijobs.persistence.jobs.records import DatabaseRecords
from aijobs.settings import ApiSettings
from api.engine import JobWorkflows
from api.streaming.hub import EventHub
from api.streaming.limits import OpenStreams

PHOTOS_AT_ONCE: Final = 2
"""Photos that are encoded anew at the same time: each needs the memory of its whole picture."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """`secret` is the installation's; `base_url` is where callers reach us, without a slash at the end."""

    database: Database
    catalogue: Catalogue
    providers: Mapping[str, Provider]
    store: ObjectStore
    signer: LinkSigner
    engine: JobWorkflows
    live: EventHub
    secret: bytes
    base_url: str
    daily_limit: int
    settings: ApiSettings
    generators: Mapping[str, Generator] = field(default_factory=dict)
    documents: DocumentReader = field(default_factory=lambda: DocumentReader(DocumentSettings()))
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    streams: OpenStreams = field(default_factory=OpenStreams)
    photo_turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PHOTOS_AT_ONCE))

    @property
    def records(self) -> DatabaseRecords:
        return DatabaseRecords(self.database, self.catalogue)

    def adapter_of(self, model: Model) -> Provider | Generator | None:
        """Who does the work of a model; nobody, when its provider has no key here."""
        return self.providers.get(model.provider) if model.asyn else self.generators.get(model.provider)

    def parameters_of(self, model: Model) -> type[Parameters] | None:
        adapter = self.adapter_of(model)
        return adapter.parameters(model) if adapter else None

    def capabilities_of(self, model: Model) -> Capabilities | None:
        adapter = self.adapter_of(model)
        return adapter.capabilities if adapter else None


async def _parts(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


AllParts = Annotated[Parts, Depends(_parts)]
