"""What a page looks like to those who cannot see it."""

from typing import Final

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

RULES: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


async def complaints_of(page: Page) -> str:
    """What axe finds wrong with a page; nothing, when it is accessible."""
    found = await Axe().run(page, options=RULES)
    return str(found.generate_report()) if found.violations_count else ""
