"""What it takes to know who calls."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from aijobs.persistence.database import Database
from aijobs.settings import ApiSettings


@dataclass(frozen=True, kw_only=True)
class Access:
    """Keys and sessions are in the database; `secret` is the installation's, `base_url` is where callers reach us."""

    database: Database
    secret: bytes
    base_url: str
    settings: ApiSettings


async def _access(connection: HTTPConnection) -> Access:
    access: Access = connection.app.state.access
    return access


LetIn = Annotated[Access, Depends(_access)]
