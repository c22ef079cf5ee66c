"""The pages of API keys and of sessions, in a browser."""

from typing import Final

import pytest
from playwright.async_api import expect

from aijobs.domain.values.scopes import AccessRole, Scope
from aijobs.persistence.access.keys import KeyKind, create_key
from tests.dashboard.accessibility import accessibility_violations
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

NAME: Final = '<b>backend</b> {{7*7}} "'


async def key_with(dashboard: DashboardUnderTest, role: AccessRole | None = None, *scopes: Scope) -> str:
    dependencies = dashboard.installation.dependencies
    return await create_key(
        dependencies.database,
        dependencies.secret,
        kind=KeyKind.SERVICE,
        name="a visitor's",
        role=role,
        scopes=None if role else scopes,
    )


async def answers(dashboard: DashboardUnderTest, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return (await dashboard.installation.http.get("/api/pauses", headers=headers)).status_code


async def test_a_key_is_made_shown_once_rotated_and_revoked(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page = visitor.page
    await visitor.open("/keys")
    await page.get_by_label("Name").fill(NAME)
    await page.get_by_label("Permissions").select_option("viewer")
    await page.get_by_role("button", name="Create key").click()
    made = await page.locator(".secret").inner_text()
    assert await accessibility_violations(page) == ""
    assert await answers(dashboard, made) == 200

    await page.get_by_role("link", name="I have copied it").click()
    assert made not in await page.content()
    row = page.get_by_role("row", name=NAME)
    await expect(row).to_contain_text("Viewer")
    await row.get_by_label("Rotate", exact=False).click()
    await row.get_by_label("Both are valid for").select_option("1")
    await row.get_by_role("button", name="Create the new key").click()
    successor = await page.locator(".secret").inner_text()
    assert await answers(dashboard, made) == await answers(dashboard, successor) == 200

    await visitor.open("/keys")
    old = page.locator(f"#key-{made.split('_')[2]}")
    await expect(old).to_contain_text(successor.split("_")[2])
    await old.get_by_label("Revoke", exact=False).click()
    await old.get_by_role("button", name="Revoke the key").click()
    ended = page.get_by_role("region", name="Ended keys")
    await expect(ended.get_by_role("row", name=NAME)).to_contain_text("Revoked")
    assert (await answers(dashboard, made), await answers(dashboard, successor)) == (401, 200)
    assert visitor.console_errors == []


async def test_chosen_scopes_and_an_end_users_key(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page = visitor.page

    await visitor.open("/keys")
    await page.get_by_label("Name").fill("reports")
    await page.get_by_label("Permissions").select_option("scopes")
    await page.get_by_label("jobs:read").check()
    await page.get_by_label("Expires").select_option("0")
    await page.get_by_role("button", name="Create key").click()
    await expect(page.locator(".facts")).to_contain_text("jobs:read")
    await expect(page.locator(".facts")).to_contain_text("never")

    await visitor.open("/keys")
    await page.get_by_label("Name").fill("ada's laptop")
    await page.get_by_label("Permissions").select_option("user")
    await page.get_by_role("textbox", name="User").fill("ada")
    await page.get_by_role("button", name="Create key").click()
    assert (await page.locator(".secret").inner_text()).startswith("aijobs_user_")
    assert visitor.console_errors == []


async def test_who_may_only_look_changes_nothing(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    looks = await key_with(dashboard, None, Scope.JOBS_READ, Scope.KEYS_READ)
    visitor = await open_visitor(dashboard.url, key=looks)
    await visitor.open("/keys")

    await expect(visitor.page.get_by_role("row", name="first key")).to_be_visible()
    await expect(visitor.page.get_by_role("button", name="Create key")).to_have_count(0)
    await expect(visitor.page.locator("details.sure")).to_have_count(0)

    viewer = await open_visitor(dashboard.url, key=await key_with(dashboard, AccessRole.VIEWER))
    await viewer.open("/")
    await expect(viewer.page.get_by_role("link", name="API keys")).to_have_count(0)
    await expect(viewer.page.get_by_role("link", name="New job")).to_have_count(0)


async def test_a_keeper_of_keys_is_offered_no_more_than_it_may_give(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    keeper = await key_with(dashboard, None, Scope.JOBS_READ, Scope.KEYS_READ, Scope.KEYS_WRITE)
    visitor = await open_visitor(dashboard.url, key=keeper)
    await visitor.open("/keys")

    assert await visitor.page.locator("input[name=scope]").count() == 3
    await expect(visitor.page.get_by_role("row", name="first key").locator("details")).to_have_count(0)
    await visitor.page.get_by_label("Name").fill("more")
    await visitor.page.get_by_label("Permissions").select_option("admin")
    await visitor.page.get_by_role("button", name="Create key").click()
    await expect(visitor.page.locator("main")).to_contain_text("may do more than you")


@pytest.mark.parametrize(("locale", "end"), [("en-GB", "End"), ("zh-CN", "结束")])
async def test_a_session_is_ended_from_another_browser(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor, locale: str, end: str
) -> None:
    here = await open_visitor(dashboard.url, key=dashboard.key, locale=locale)
    operator = await key_with(dashboard, AccessRole.OPERATOR)
    there = await open_visitor(dashboard.url, key=operator)
    await there.open("/sessions")
    await expect(there.page.get_by_role("region", name="Other sessions")).to_have_count(0)

    await here.open("/sessions")
    row = here.page.get_by_role("row").filter(has_text=operator.split("_")[2])
    await row.get_by_role("button", name=end).click()

    await expect(row).to_have_count(0)
    await there.open("/jobs")
    await expect(there.page).to_have_url(f"{dashboard.url}/login?next=%2Fjobs")
    await here.open("/jobs")
    await expect(here.page).to_have_url(f"{dashboard.url}/jobs")
