"""Fixtures for all tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# The same examples in every run, so that a failure is due to a change. `--hypothesis-profile=default` searches anew.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def isolated_settings() -> Iterator[None]:
    """Each test starts without the developer's environment variables, and restores them afterwards."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith(("AIJOBS_", "TEMPORAL_"))]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)
