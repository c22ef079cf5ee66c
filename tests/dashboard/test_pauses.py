"""Pausing and resuming in the dashboard."""

from playwright.async_api import expect

from aijobs.domain.values.scopes import Scope
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest


async def test_an_operator_pauses_and_resumes_and_every_page_says_so(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/pauses")
    await visitor.page.get_by_label("What").select_option("provider")
    await visitor.page.get_by_label("Name").fill("replicate")
    await visitor.page.get_by_label("Reason").fill("Their status page is <b>red</b>.")
    await visitor.page.get_by_role("button", name="Pause", exact=True).click()
    await expect(visitor.page.get_by_role("row", name="Provider replicate")).to_contain_text("<b>red</b>")

    code = await dashboard.installation.job("ada")
    records = dashboard.installation.dependencies.records
    assert await records.start_conditions.hold_back(code, provider="replicate") is not None
    await visitor.open(f"/jobs/{code}")
    await expect(visitor.page.locator("p.paused")).to_contain_text("Provider replicate")
    await expect(visitor.page.locator("#waiting")).to_contain_text("Their status page is <b>red</b>.")

    await visitor.open("/pauses")
    await visitor.page.get_by_role("button", name="Resume: replicate").click()
    await expect(visitor.page.get_by_text("Nothing is paused.")).to_be_visible()
    await visitor.open("/jobs")
    await expect(visitor.page.locator("p.paused")).to_have_count(0)
    assert visitor.console_errors == []


async def test_a_user_sees_neither_the_page_nor_the_banner(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    pause = {"user": "bo", "reason": "unpaid"}
    (await dashboard.installation.http.post("/api/pauses", json=pause)).raise_for_status()
    reader = await open_visitor(dashboard.url, key=await dashboard.key_of("ada", Scope.JOBS_READ))

    await reader.open("/jobs")

    await expect(reader.page.locator("p.paused")).to_have_count(0)
    await expect(reader.page.get_by_role("link", name="Pauses")).to_have_count(0)
