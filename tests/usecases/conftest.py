"""Use cases with a real database, store and Temporal, without a server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from aijobs.domain.ports.workflow_control import JobEngine
from aijobs.domain.values.actors import Actor, Owner
from api.dependencies import ApiDependencies
from tests.api.conftest import dependencies, engine, temporal

__all__ = ["dependencies", "engine", "temporal"]


@pytest.fixture
async def app(dependencies: ApiDependencies, engine: JobEngine) -> AsyncIterator[ApiDependencies]:
    app = replace(dependencies, engine=engine)
    yield app
    await app.starter.close()


async def started_run(temporal: Client, code: str) -> WorkflowExecutionDescription:
    """A job's workflow, which must be started within a second of the acceptance."""
    async with asyncio.timeout(1):
        while True:
            try:
                return await temporal.get_workflow_handle(code).describe()
            except RPCError:
                await asyncio.sleep(0.02)


@pytest.fixture
def ada() -> Owner:
    return Owner(user_id="ada", key_id="key_of_a_test")


@pytest.fixture
def operator() -> Actor:
    """An actor that sees the jobs of all users."""
    return Actor(key_id="key_of_an_operator", user_id=None)
