"""Single keys move through lists and find the search, and are silent while somebody types or has switched them off."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.dashboard.accessibility import RULES
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest


async def focused_row(page: Page) -> int:
    return int(
        await page.evaluate(
            "[...document.querySelectorAll('main tbody tr')].indexOf(document.activeElement.closest('tbody tr'))"
        )
    )


async def test_rows_are_walked_through_and_opened(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    codes = [await dashboard.installation.job("ada") for _ in range(3)]
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/jobs")
    page = visitor.page

    seen = []
    for key in "jjkkjjjjk":
        await page.keyboard.press(key)
        seen.append(await focused_row(page))
    await page.keyboard.press("Enter")

    assert seen == [0, 1, 0, 0, 1, 2, 2, 2, 1]
    await page.wait_for_url(f"{dashboard.url}/jobs/{codes[1]}")
    assert visitor.console_errors == []


async def test_the_search_is_found_from_everywhere_and_keys_are_typed_into_it(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    await dashboard.installation.job("ada")
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page, search = visitor.page, visitor.page.locator("main input[type=search]")
    await visitor.open("/health")

    await page.keyboard.press("/")
    await expect(search).to_be_focused()
    await page.keyboard.type("jk/?")

    assert page.url.startswith(f"{dashboard.url}/jobs")
    assert await search.input_value() == "jk/?"
    assert not await page.locator("dialog#keyboard").is_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(page.locator("dialog#keyboard")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
async def test_help_says_what_keys_do_and_switches_them_off(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor, locale: str
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key, locale=locale)
    page, dialog = visitor.page, visitor.page.locator("dialog#keyboard")
    await visitor.open("/models")

    await page.keyboard.press("?")
    await expect(dialog).to_be_visible()
    violations = await Axe().run(page, options=RULES)
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await page.locator("#keyboard-help").click()
    await page.locator("#keyboard-on").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(dialog).to_be_hidden()
    await page.reload()
    await page.keyboard.press("?")

    assert not await dialog.is_visible()
    assert violations.violations_count == 0, violations.generate_report()
    assert visitor.console_errors == []


async def test_with_a_modifier_a_key_is_the_browsers(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    await dashboard.installation.job("ada")
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/jobs")

    await visitor.page.keyboard.press("Control+j")
    await visitor.page.keyboard.press("Alt+k")

    assert await focused_row(visitor.page) == -1
