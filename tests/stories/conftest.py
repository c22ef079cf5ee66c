"""One stack for the stories that do not break it; the others start their own."""

from collections.abc import AsyncIterator

import pytest

from tests.stories.stack import StoryStack, running_stack


@pytest.fixture(scope="session")
async def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
async def stack(shared_stack: StoryStack) -> StoryStack:
    """Its vendors behave, and an operator has said that credentials are good again that a story has spoilt."""
    shared_stack.sandbox.behave()
    await shared_stack.mend_credentials()
    return shared_stack


@pytest.fixture(scope="session")
async def public_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    """Providers send webhooks, and read our store's links. Say `sandbox.behave()` first."""
    async with running_stack(tmp_path_factory.mktemp("public"), public=True) as stack:
        yield stack
