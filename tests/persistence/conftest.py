"""A real database in a file, and a way to put jobs into it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from aijobs.domain.catalogue import Catalogue
from aijobs.domain.jobs.job import JobRequest
from aijobs.persistence.database import Database, opened_database
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.repositories import DatabaseRecords
from aijobs.settings import SHIPPED_CATALOGUE
from tests.databases import database_url

AcceptJob = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"))


@pytest.fixture
async def database(database_kind: str, tmp_path: Path) -> AsyncIterator[Database]:
    async with opened_database(database_url(tmp_path)) as database:
        yield database


@pytest.fixture
def records(database: Database, catalogue: Catalogue) -> DatabaseRecords:
    return DatabaseRecords(database, catalogue)


async def accept_into(database: Database, catalogue: Catalogue, *, user_id: str, daily_limit: int) -> str:
    """The code of a new job."""
    model = catalogue.model("replicate_imageupscale_v1")
    request = JobRequest(model_id=model.model_id, params={"image": "https://example.com/photo.jpg"})
    order = Acceptance(
        user_id=user_id,
        request=request,
        model=model,
        params=request.params,
        created_by="test",
        daily_limit=daily_limit,
    )
    return (await database.write(accept, order)).code


@pytest.fixture
def accept_job(database: Database, catalogue: Catalogue) -> AcceptJob:
    async def accepted(user_id: str = "ada", daily_limit: int = 100) -> str:
        return await accept_into(database, catalogue, user_id=user_id, daily_limit=daily_limit)

    return accepted
