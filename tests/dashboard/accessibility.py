"""Accessibility checks of a page."""

from typing import Final

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

RULES: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


async def accessibility_violations(page: Page) -> str:
    """axe's report on a page; empty when there are no violations."""
    found = await Axe().run(page, options=RULES)
    return str(found.generate_report()) if found.violations_count else ""
