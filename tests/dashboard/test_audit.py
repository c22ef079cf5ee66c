"""The audit log in the dashboard: who canceled a job is found from its page."""

from playwright.async_api import expect

from aijobs.domain.values.scopes import Scope
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest


async def test_an_operator_finds_who_did_what_to_a_job(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    api = dashboard.installation.http
    code, other = [await dashboard.installation.job("ada") for _ in range(2)]
    for job in (code, other):
        reason = {"reason": f"<b>not needed</b> {job[-4:]}"}
        (await api.post(f"/api/jobs/{job}/cancel", json=reason)).raise_for_status()
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    await visitor.open(f"/jobs/{code}")
    await visitor.page.get_by_role("main").get_by_role("link", name="Audit log").click()

    rows = visitor.page.locator("tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text(f"<b>not needed</b> {code[-4:]}")
    await expect(rows).to_contain_text(dashboard.key.split("_")[2])
    await expect(rows).to_contain_text("User ada")

    await visitor.page.get_by_label("Target").fill("")
    await visitor.page.locator("select[name=act]").select_option("job.canceled")
    await visitor.page.get_by_role("button", name="Apply").click()
    await expect(visitor.page.locator("tbody tr")).to_have_count(2)
    assert visitor.console_errors == []


async def test_whoever_may_not_read_it_is_not_led_there(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    reader = await open_visitor(dashboard.url, key=await dashboard.key_of("ada", Scope.JOBS_READ))
    code = await dashboard.installation.job("ada")

    await reader.open(f"/jobs/{code}")
    await expect(reader.page.get_by_role("link", name="Audit log")).to_have_count(0)
    await reader.open("/audit")
    await expect(reader.page.get_by_role("main")).to_contain_text("audit:read")
