"""What holds for all tests."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nobodys_settings() -> Iterator[None]:
    """No test sees the tester's own settings, or leaves its own behind."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith(("AIJOBS_", "TEMPORAL_"))]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)
