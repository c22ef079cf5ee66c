"""Fixtures of all tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# The same examples in every run: a change is to blame for what fails. `--hypothesis-profile=default` searches anew.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def nobodys_settings() -> Iterator[None]:
    """No test reads the developer's environment variables, or leaves its own set."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith(("AIJOBS_", "TEMPORAL_"))]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)
