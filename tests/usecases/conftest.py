"""Use cases with a real database, store and Temporal, without a server."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.domain.values.actors import Actor, Owner
from api.dependencies import ApiDependencies
from tests.api.conftest import dependencies, engine, started_run, temporal

__all__ = ["dependencies", "engine", "started_run", "temporal"]


@pytest.fixture
async def app(dependencies: ApiDependencies, engine: JobEngine) -> AsyncIterator[ApiDependencies]:
    app = replace(dependencies, engine=engine)
    yield app
    await app.starter.close()


@pytest.fixture
def ada() -> Owner:
    return Owner(user_id="ada", key_id="key_of_a_test")


@pytest.fixture
def operator() -> Actor:
    """An actor that sees the jobs of all users."""
    return Actor(key_id="key_of_an_operator", user_id=None)
