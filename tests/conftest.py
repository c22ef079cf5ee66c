"""Fixtures for all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.databases import KINDS, Databases, opened_databases

# The same examples in every run, so that a failure is due to a change. `--hypothesis-profile=default` searches anew.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=3000, deadline=None)
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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=KINDS, help="Run the tests that touch a database on this one alone.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever depends on `database_kind` runs on SQLite and on PostgreSQL."""
    if "database_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--database")
        metafunc.parametrize("database_kind", [chosen] if chosen else KINDS, scope="session", indirect=True)


@pytest.fixture(scope="session")
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with opened_databases() as databases:
        yield databases


@pytest.fixture(autouse=True)
def database_of_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Databases that a test opens by itself are of its kind, and are dropped at its end."""
    if "database_kind" not in request.fixturenames:
        yield
        return
    databases: Databases = request.getfixturevalue("databases")
    folder: Path = request.getfixturevalue("tmp_path")
    with databases.of_kind(request.getfixturevalue("database_kind")):
        yield
    databases.drop_below(folder)
