"""Edit and run: the form for a new job, filled from one that was run."""

from playwright.async_api import expect

from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest


async def test_a_job_is_edited_and_run_as_another_one(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    old = await dashboard.installation.job(
        params={"image": "https://example.com/one.jpg", "upscale_factor": 4}, metadata={"sandbox": "zero_outputs"}
    )
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open(f"/jobs/{old}")

    await visitor.page.get_by_role("link", name="Edit and run").click()
    await expect(visitor.page.locator("[name='params.image']")).to_have_value("https://example.com/one.jpg")
    await visitor.page.locator("[name='params.image']").fill("https://example.com/two.jpg")
    await visitor.page.locator("#new button.strong").click()
    await visitor.page.wait_for_url("**/jobs/job_*")

    new = visitor.page.url.rpartition("/")[2]
    job = (await dashboard.installation.http.get(f"/api/jobs/{new}?expand=exchange")).json()
    assert new != old
    assert (job["user_id"], job["metadata"]) == ("ada", {"sandbox": "zero_outputs"})
    assert "two.jpg" in await visitor.page.locator("#input").inner_text()
    others = await open_visitor(dashboard.url, key=await dashboard.key_of("bo"))
    response = await others.page.goto(f"{dashboard.url}/new?from={old}")
    assert response is not None
    assert response.status == 404
