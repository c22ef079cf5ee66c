"""Every page is rendered on both databases, and shows the same jobs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.dashboard.installation import DashboardUnderTest, opened_dashboard
from tests.dashboard.test_every_page import create_data
from workflows.client import TemporalJobEngine

PARTS = ("/overview/live", "/overview/throughput.json", "/jobs?q=note", "/jobs?status=TIMEOUT")


@pytest.fixture
async def dashboard(database_kind: str, tmp_path: Path, engine: TemporalJobEngine) -> AsyncIterator[DashboardUnderTest]:
    async with opened_dashboard(tmp_path, engine) as dashboard:
        yield dashboard


async def test_every_page_is_rendered(dashboard: DashboardUnderTest) -> None:
    paths = [*await create_data(dashboard), *PARTS]

    answers = {path: await dashboard.installation.http.get(path) for path in paths}

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(paths, 200)
    hours = answers["/overview/throughput.json"].json()
    assert {name: sum(counts) for name, counts in hours.items() if name != "hours"} == {
        "succeeded": 2,  # one of them is a table that waits for a review
        "under_way": 2,  # one of them reviews a photo
        "ended_badly": 2,
    }
