"""What authentication needs, as a FastAPI dependency."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from aijobs.persistence.database import Database
from aijobs.process_settings import ApiSettings
from api.auth.key_uses import KeyUses


@dataclass(frozen=True, kw_only=True)
class Access:
    """The database holds keys and sessions. `secret` is the installation's, `base_url` the public URL of the API."""

    database: Database
    secret: bytes
    base_url: str
    settings: ApiSettings
    uses: KeyUses = field(default_factory=KeyUses)


async def _access(connection: HTTPConnection) -> Access:
    access: Access = connection.app.state.access
    return access


AppAccess = Annotated[Access, Depends(_access)]
