"""The page of a batch: its bar follows the jobs, and its buttons steer."""

from playwright.async_api import expect

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest


async def test_a_batch_is_followed_paused_and_canceled(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    api, app = dashboard.installation, dashboard.installation.dependencies
    rows = [{"params": {"image": f"https://example.com/{number}.jpg"}} for number in range(4)]
    body = {"model_id": "replicate_imageupscale_v1", "user_id": "ada", "rows": rows, "concurrency": 2}
    code = (await api.http.post("/api/batches", json=body)).raise_for_status().json()["code"]
    feed = DatabaseBatchFeed(app.database, app.catalogue, daily_limit=100)
    failing, _ = [brief.code for brief in (await feed.step(code)).accepted]
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/batches")
    await visitor.page.locator("main table a").click()

    await expect(visitor.page.get_by_text("0 of 4 finished")).to_be_visible()
    await expect(visitor.page.locator("#connection")).to_have_text("Live")
    await api.push(failing, JobStatus.FAILED)
    await expect(visitor.page.get_by_text("1 of 4 finished")).to_be_visible()
    await expect(visitor.page.get_by_text("As the test wants it.").first).to_be_visible()
    await visitor.page.get_by_role("button", name="Pause").click()
    await expect(visitor.page.get_by_text("paused by hand")).to_be_visible()
    await visitor.page.get_by_role("button", name="Resume").click()
    await visitor.page.get_by_role("button", name="Cancel the rest").click()
    await expect(visitor.page.get_by_text("3 of 4 finished")).to_be_visible()
    await visitor.page.get_by_role("button", name="Rerun failed rows").click()

    await expect(visitor.page.get_by_text("0 of 4 finished")).to_be_visible()
    assert visitor.console_errors == []
