"""Views of the list of jobs: filters with a name, kept in a cookie."""

from playwright.async_api import expect

from dashboard.pages.job_views import MAX_VIEWS
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

NAME = 'Ada & <b>猫</b> 100%; x="1"'


async def test_filters_are_kept_under_a_name_until_they_are_deleted(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    await dashboard.installation.job("ada")
    await dashboard.installation.job("bo")
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page = visitor.page
    views = page.locator("#views summary")
    await visitor.open("/jobs?sort=oldest")
    await page.get_by_label("User", exact=True).first.fill("ada")
    await expect(page.locator("#rows > tr")).to_have_count(1)

    await views.click()
    await page.get_by_label("Name of the view").fill(NAME)
    await page.get_by_role("button", name="Save").click()
    await visitor.open("/jobs")
    await views.click()
    await page.get_by_role("link", name=NAME).click()

    await expect(page).to_have_url(f"{dashboard.url}/jobs?sort=oldest&user=ada")
    await expect(page.locator("#rows > tr")).to_have_count(1)
    await views.click()
    await page.get_by_role("button", name=f"Delete the view {NAME}").click()
    await views.click()
    await expect(page.get_by_text("Save the filters")).to_be_visible()
    assert visitor.console_errors == []


async def test_there_are_only_so_many(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    async def keep(name: str, back: str) -> int:
        form: dict[str, str | float | bool] = {"name": name, "back": back}
        headers = {"Origin": dashboard.url}
        return (
            await visitor.page.request.post(f"{dashboard.url}/jobs/views", form=form, headers=headers, max_redirects=0)
        ).status

    assert [await keep(f"view {number}", "/jobs?q=x") for number in range(MAX_VIEWS)] == [303] * MAX_VIEWS
    assert await keep("view 0", f"/jobs?q={'x' * 1800}") == 303
    assert await keep("one more", "/jobs") == 422
    assert await keep("view 1", f"/jobs?q={'y' * 1800}") == 422
