"""The overview: figures of a chosen time that lead to the jobs they count, and what to do before there are any."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.throughput import throughput
from dashboard.pages.overview import OverviewPeriod
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest


async def test_a_new_installation_says_what_to_do_first_instead_of_an_empty_chart(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    steps = visitor.page.get_by_role("region", name="First steps")

    await expect(steps.get_by_role("listitem")).to_have_count(4)
    await expect(visitor.page.locator("#chart")).to_have_count(0)
    body = {"url": "https://example.com/hook", "events": ["job.success"]}
    (await dashboard.installation.http.post("/api/webhook-endpoints", json=body)).raise_for_status()
    await visitor.open("/")
    await expect(steps.locator(".done")).to_have_text(
        ["✓Receive webhooks (done)Your server is told when a job ends. Without one, follow jobs live or ask for them."]
    )
    await dashboard.installation.job("ada")
    await visitor.open("/")

    await expect(visitor.page.locator("#chart canvas")).to_be_visible()
    await expect(steps).to_have_count(0)


async def test_a_user_is_not_told_to_do_what_only_operators_can(dashboard: DashboardUnderTest) -> None:
    headers = {"Authorization": f"Bearer {await dashboard.key_of('ada')}"}

    page = (await dashboard.installation.http.get("/", headers=headers)).text

    assert page.count('class="mark"') == 1
    assert 'href="/new">Submit your first job' in page


@pytest.mark.parametrize("period", list(OverviewPeriod))
async def test_every_figure_leads_to_the_jobs_that_it_counts(
    dashboard: DashboardUnderTest, period: OverviewPeriod
) -> None:
    installation = dashboard.installation
    failed, done, running = [await installation.job("a b") for _ in range(3)]
    error = JobError(code="provider_rejected", message="", stage=Stage.SUBMIT)
    await installation.dependencies.records.gate.advance(failed, JobStatus.FAILED, error=error)
    await installation.push(done, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)
    await installation.push(running, JobStatus.PROCESSING)

    page = (await installation.http.get("/", params={"user": "a b", "period": period})).text.replace("&amp;", "&")

    of = (
        f"/jobs?user=a+b&period={period}".replace("+", "%20")
        if "user=a%20b" in page
        else f"/jobs?user=a+b&period={period}"
    )
    assert f'href="{of}">3<' in page
    assert f'href="{of}&status=6">1<' in page
    assert f'href="{of}&status=7&status=8&status=9">1<' in page
    assert f'href="{of}&status=7&error=provider_rejected">1<' in page
    assert f'aria-current="true">{ {"24h": "24 h", "7d": "7 d", "30d": "30 d"}[period] }<' in page


@pytest.mark.parametrize(
    ("step", "first"),
    [
        (timedelta(hours=1), "2026-03-01T14:00"),
        (timedelta(hours=6), "2026-03-01T00:00"),
        (timedelta(days=1), "2026-02-27T00:00"),
    ],
)
async def test_bars_begin_at_full_hours_and_days(dashboard: DashboardUnderTest, step: timedelta, first: str) -> None:
    until = datetime(2026, 3, 1, 16, 40, tzinfo=UTC)

    bars = await dashboard.installation.dependencies.database.snapshot(
        throughput, until=until, count=3, step=step, user_id=None
    )

    assert bars[0].start == datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert [bar.start - bars[0].start for bar in bars] == [step * 0, step, step * 2]
    assert bars[-1].start <= until < bars[-1].start + step
