"""An API, and retention that runs when a test says so."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import MetaData, select
from sqlmodel import Session, SQLModel
from temporalio.client import Client

from activities.retention import RetentionActivities
from activities.rounds import Rounds
from aijobs.domain.jobs.retention import RetentionSettings
from aijobs.persistence.retention.retention import DatabaseRetention
from tests.api.conftest import api, dependencies, engine, key, temporal
from tests.api.installation import ApiUnderTest
from worker import ERASER
from workflows.namespace.schedules import TemporalSchedules
from workflows.workflow_states import TemporalJobWorkflows

__all__ = ["api", "dependencies", "engine", "key", "temporal"]

AT_ONCE = timedelta(milliseconds=1)


class Retaining:
    """Runs retention once, with what a test sets."""

    def __init__(self, api: ApiUnderTest, temporal: Client) -> None:
        self._api = api
        self._temporal = temporal

    async def __call__(self, **settings: Any) -> int:
        app = self._api.dependencies
        given = RetentionSettings(**{"deleted": timedelta(0), "walk_every": timedelta(0), **settings})
        retention = DatabaseRetention(app.database, app.catalogue, given)
        cancel = partial(app.cancel_job, actor=ERASER, reason="Its user is erased.")
        rounds = Rounds(TemporalSchedules(self._temporal), "one round", every=AT_ONCE, longest=AT_ONCE)
        activities = RetentionActivities(retention, app.store, TemporalJobWorkflows(self._temporal), cancel, rounds)
        return await activities.erase_due()


@pytest.fixture
def retain(api: ApiUnderTest, temporal: Client) -> Retaining:
    return Retaining(api, temporal)


def dumped(session: Session) -> str:
    """Every value of every table, those of the migrations' own included."""
    connection = session.connection()
    tables = MetaData()
    tables.reflect(connection)
    assert tables.tables.keys() >= SQLModel.metadata.tables.keys()
    return "\n".join(
        f"{name}: {tuple(row)!r}" for name, table in tables.tables.items() for row in connection.execute(select(table))
    )


@pytest.fixture
def database_dump(api: ApiUnderTest) -> Callable[[], Any]:
    return partial(api.dependencies.database.read, dumped)
