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

AcceptJob = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.parse(SHIPPED_CATALOGUE.read_text("utf-8"))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened_database(f"sqlite:///{tmp_path}/aijobs.db") as database:
        yield database


@pytest.fixture
def records(database: Database, catalogue: Catalogue) -> DatabaseRecords:
    return DatabaseRecords(database, catalogue)


@pytest.fixture
def accept_job(database: Database, catalogue: Catalogue) -> AcceptJob:
    async def accepted(user_id: str = "ada", daily_limit: int = 100) -> str:
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

    return accepted
