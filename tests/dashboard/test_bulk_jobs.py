"""Canceling, running again and exporting all that a list shows: counted and priced before, and never twice."""

import csv
import io
import json

from playwright.async_api import expect

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.reruns import reruns_of
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest
from tests.patience import http_client


async def test_running_again_says_the_number_and_the_price_and_happens_once(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    installation = dashboard.installation
    failed = [await installation.job("ada") for _ in range(3)]
    for code in failed[:2]:
        await installation.push(code, JobStatus.FAILED)
    of_bo = await installation.job("bo")
    await installation.push(of_bo, JobStatus.FAILED)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page = visitor.page
    await visitor.open("/jobs?user=ada&status=7&period=24h")

    await page.get_by_role("link", name="Run again").click()
    await expect(page.get_by_text("Run 2 jobs again from the start?")).to_be_visible()
    await expect(page.get_by_text("This costs 4 points")).to_be_visible()
    await page.get_by_role("button", name="Run 2 jobs for 4 points").click()
    await expect(page.get_by_text("Run again: 2.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("Run again: 2.")).to_be_visible()

    assert [len(await installation.dependencies.database.read(reruns_of, code)) for code in (*failed, of_bo)] == [
        1,
        1,
        0,
        0,
    ]
    await page.get_by_role("link", name="Back to the list").click()
    await expect(page).to_have_url(f"{dashboard.url}/jobs?period=24h&status=7&user=ada")


async def test_nothing_runs_again_for_more_than_was_confirmed(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    installation = dashboard.installation
    code = await installation.job("ada")
    await installation.push(code, JobStatus.FAILED)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/jobs/bulk?action=rerun")

    await visitor.page.locator("input[name=points]").evaluate("field => field.value = '1'")
    await visitor.page.get_by_role("button", name="Run 1 job for 2 points").click()

    await expect(visitor.page.get_by_text("They now cost 2 points instead of 1.")).to_be_visible()
    assert await installation.dependencies.database.read(reruns_of, code) == []


async def test_all_of_a_list_are_canceled_and_the_others_go_on(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    installation = dashboard.installation
    waiting, ended = [await installation.job("ada", metadata={"album": "cats"}) for _ in range(2)]
    other = await installation.job("ada")
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/jobs/bulk?action=cancel&metadata=album%3Dcats")
    await expect(visitor.page.get_by_text("Cancel 2 jobs?")).to_be_visible()
    await installation.push(ended, JobStatus.FAILED)

    await visitor.page.get_by_role("button", name="Cancel 2 jobs").click()
    await expect(visitor.page.get_by_text("Asked to cancel: 1.")).to_be_visible()
    await expect(visitor.page.get_by_text("job_is_final × 1")).to_be_visible()

    wishes = {}
    for code in (waiting, ended, other):
        events = (
            await installation.http.get(f"/api/jobs/{code}/events", headers={"Accept": "application/json"})
        ).json()
        wishes[code] = '"cancel": "requested"' in json.dumps(events)
    assert wishes == {waiting: True, ended: False, other: False}


async def test_what_is_filtered_is_exported(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    installation = dashboard.installation
    codes = [await installation.job("ada", metadata={"album": "=cats()"}) for _ in range(2)]
    await installation.job("bo")
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/jobs?user=ada")
    await visitor.page.locator("summary", has_text="Export").click()
    links = [await visitor.page.get_by_role("link", name=name).get_attribute("href") for name in ("CSV", "JSON Lines")]

    headers = {"Authorization": f"Bearer {dashboard.key}"}
    async with http_client(base_url=dashboard.url, headers=headers) as http:
        as_csv, as_lines = [(await http.get(link or "")).raise_for_status() for link in links]

    rows = list(csv.DictReader(io.StringIO(as_csv.text.removeprefix("\ufeff"))))
    assert [row["code"] for row in rows] == codes[::-1]
    assert rows[0]["metadata"] == '{"album": "=cats()"}'
    assert [json.loads(line)["code"] for line in as_lines.text.splitlines()] == codes[::-1]
    assert "attachment" in as_csv.headers["Content-Disposition"]
