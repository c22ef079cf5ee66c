"""An installation that operators work on."""

from collections.abc import AsyncIterator

import pytest

from aijobs.domain.lifecycle import JobStatus
from tests.stories.stack import StoryStack, running_stack


@pytest.fixture(scope="session")
async def operated(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("operated")) as stack:
        yield stack


@pytest.fixture
async def stack(operated: StoryStack) -> StoryStack:
    operated.sandbox.behave()
    await operated.mend_credentials()
    return operated


async def submit_endless(stack: StoryStack, user: str, **fields: str) -> str:
    """A job that its vendor works on for ever."""
    stack.sandbox.misbehave("never_finishes")
    code = await stack.submit(user=user, **fields)
    await stack.until(code, JobStatus.PROCESSING, user=user)
    return code
