"""Small pieces of work, and the database of the user `app` that they run on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from sqlmodel import Session, col, func, select

from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.postgresql_settings import PostgresqlSettings
from aijobs.persistence.tables import WriteIntentRow
from tests.persistence.database.postgresql_server import PostgresqlServer

PATIENT: Final = PostgresqlSettings(writers=3, readers=2, reconnect_for=timedelta(seconds=15))
HASTY: Final = PostgresqlSettings(writers=1, readers=1, reconnect_for=timedelta(0))


@asynccontextmanager
async def opened(server: PostgresqlServer, settings: PostgresqlSettings = PATIENT) -> AsyncIterator[Database]:
    async with opened_database(app_url(server), settings) as database:
        yield database


def app_url(server: PostgresqlServer) -> str:
    return server.url("aijobs").replace("postgres@", "app@")


def add(session: Session, key: str) -> str:
    session.add(WriteIntentRow(key=key))
    session.flush()
    return key


def count(session: Session) -> int:
    return session.exec(select(func.count(col(WriteIntentRow.key)))).one()


def keys(session: Session) -> set[str]:
    return set(session.exec(select(WriteIntentRow.key)))
