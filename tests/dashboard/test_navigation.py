"""The navigation: what a visitor may open, in groups; a menu on phones."""

from http import HTTPStatus

from playwright.async_api import expect

from aijobs.domain.values.scopes import ROLE_SCOPES, AccessRole, Scope, includes
from dashboard.language import LANGUAGES, messages
from dashboard.navigation import NAVIGATION, navigation_of
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

PHONE = {"width": 390, "height": 844}


async def test_every_entry_leads_to_a_page_that_says_where_it_is(dashboard: DashboardUnderTest) -> None:
    for item in (item for group in NAVIGATION for item in group.items if item.path != "/docs"):
        response = await dashboard.installation.http.get(item.path)
        assert response.status_code == HTTPStatus.OK, item.path
        assert f'<a href="{item.path}" aria-current="page">' in response.text


def test_every_entry_and_every_group_has_a_name_in_both_languages() -> None:
    named = {f"nav.{item.name}" for group in NAVIGATION for item in group.items}
    named |= {f"nav.group_{group.name}" for group in NAVIGATION if group.name}

    assert all(named <= messages(language).keys() for language in LANGUAGES)


def test_a_visitor_sees_what_the_scopes_allow_and_no_empty_group() -> None:
    def shown(scopes: frozenset[Scope]) -> set[str]:
        return {item.name for group in navigation_of(lambda scope: includes(scopes, scope)) for item in group.items}

    assert navigation_of(lambda _scope: False) == []
    assert "audit" not in shown(ROLE_SCOPES[AccessRole.VIEWER])
    assert "health" in shown(ROLE_SCOPES[AccessRole.VIEWER])
    assert shown(ROLE_SCOPES[AccessRole.ADMIN]) == {item.name for group in NAVIGATION for item in group.items}


async def test_on_a_phone_the_navigation_is_a_menu_that_needs_no_javascript(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key, viewport=PHONE, java_script_enabled=False)
    await visitor.open("/")
    points = visitor.page.get_by_role("link", name="Points", exact=True)

    await expect(points).to_be_hidden()
    await visitor.page.get_by_role("button", name="Menu").click()
    await expect(points).to_be_visible()
    await visitor.page.keyboard.press("Escape")
    await expect(points).to_be_hidden()
    await visitor.page.get_by_role("button", name="Menu").click()
    await points.click()

    await expect(visitor.page).to_have_url(f"{dashboard.url}/money")
