"""What the routes work with, handed to them by the composition root."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from api.engine import Engine
from api.live import LiveEvents
from domain.catalogue import Catalogue, Model
from domain.parameters import Parameters
from domain.ports import Generator, ObjectStore, Provider
from domain.providing import Capabilities
from persistence.database import Database
from persistence.records import DatabaseRecords
from settings import ApiSettings
from storage.links import LinkSigner


@dataclass(frozen=True, kw_only=True)
class Parts:
    """`secret` is the installation's; `base_url` is where callers reach us, without a slash at the end."""

    database: Database
    catalogue: Catalogue
    providers: Mapping[str, Provider]
    store: ObjectStore
    signer: LinkSigner
    engine: Engine
    live: LiveEvents
    secret: bytes
    base_url: str
    daily_limit: int
    settings: ApiSettings
    generators: Mapping[str, Generator] = field(default_factory=dict)

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


async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


AllParts = Annotated[Parts, Depends(_parts)]
