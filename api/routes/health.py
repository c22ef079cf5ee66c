"""Whether we live, and whether everything that we need is there."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select

from aijobs.domain.errors import AijobsError, FieldError, NotReady
from aijobs.persistence.database import Database
from api.dependencies import Db, Engine, Store
from api.problems import problem_responses
from api.schemas import jobs as shapes

PATIENCE_SECONDS: Final = 5.0

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Ask whether the process lives")
async def health() -> shapes.Health:
    return shapes.Health(status="ok")


@router.get("/readyz", summary="Ask whether everything is there", responses=problem_responses(503))
async def readiness(database: Db, engine: Engine, store: Store) -> shapes.Health:
    """503 names what is missing: database, temporal, store."""
    answers = await asyncio.gather(
        _trouble("database", _probe_database(database)),
        _trouble("temporal", engine.probe()),
        _trouble("store", store.probe()),
    )
    if missing := [trouble for trouble in answers if trouble]:
        raise NotReady(*missing)
    return shapes.Health(status="ready")


async def _trouble(name: str, probe: Awaitable[None]) -> FieldError | None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await probe
    except AijobsError as trouble:
        return FieldError(f"/{name}", str(trouble))
    except SQLAlchemyError:
        return FieldError(f"/{name}", "It does not answer as it should.")
    except TimeoutError:
        return FieldError(f"/{name}", f"No answer within {PATIENCE_SECONDS:g} s.")
    return None


async def _probe_database(database: Database) -> None:
    async with database.read() as session:
        await session.exec(select(1))
