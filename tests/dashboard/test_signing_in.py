"""Signing in with a key, and out again."""

from playwright.async_api import expect

from aijobs.persistence.access.keys import list_keys, revoke_key
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest


async def test_whoever_is_not_signed_in_comes_back_to_the_page_that_was_asked_for(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url)

    await visitor.open("/jobs?q=holidays")
    await visitor.page.get_by_label("API key").fill(dashboard.key)
    await visitor.page.get_by_role("button", name="Sign in").click()

    await expect(visitor.page).to_have_url(f"{dashboard.url}/jobs?q=holidays")
    await expect(visitor.page.get_by_label("Search")).to_have_value("holidays")


async def test_a_wrong_key_opens_nothing(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(dashboard.url)

    await visitor.open("/login")
    await visitor.page.get_by_label("API key").fill(dashboard.key[:-4] + "abcd")
    await visitor.page.get_by_role("button", name="Sign in").click()

    await expect(visitor.page.get_by_role("alert")).to_contain_text("This key is unknown")
    assert await visitor.page.context.cookies() == []


async def test_after_signing_out_the_pages_are_closed(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    await visitor.page.get_by_role("button", name="Sign out").click()
    await visitor.open("/jobs")

    await expect(visitor.page).to_have_url(f"{dashboard.url}/login?next=%2Fjobs")


async def test_a_page_that_is_open_leads_to_the_login_when_the_key_is_revoked(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    dependencies = dashboard.installation.dependencies

    await visitor.open("/")
    newest = (await list_keys(dependencies.database))[-1]
    await revoke_key(dependencies.database, newest.key_id)

    await visitor.page.wait_for_url(f"{dashboard.url}/login?next=%2F", timeout=20_000)


async def test_signing_in_never_leads_to_another_site(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(dashboard.url)

    for foreign in ("//evil.test/", "https://evil.test/", "/\\evil.test"):
        await visitor.open(f"/login?next={foreign}")
        await visitor.page.get_by_label("API key").fill(dashboard.key)
        await visitor.page.get_by_role("button", name="Sign in").click()
        await expect(visitor.page).to_have_url(f"{dashboard.url}/")


async def test_another_site_can_neither_sign_somebody_out_nor_press_buttons(dashboard: DashboardUnderTest) -> None:
    code = await dashboard.installation.job()
    signed_in = await dashboard.installation.http.post(
        "/login", data={"key": dashboard.key}, headers={"Origin": dashboard.url}
    )
    cookie = {"Cookie": signed_in.headers["Set-Cookie"].partition(";")[0], "Origin": "https://evil.test"}
    dashboard.installation.http.headers.pop("Authorization")

    responses = [
        await dashboard.installation.http.post(path, data={"reason": "x"}, headers=cookie)
        for path in ("/logout", f"/jobs/{code}/cancel", "/new", "/login")
    ]

    assert [response.status_code for response in responses] == [403, 403, 403, 403]
