"""A dashboard, a browser and its visitors; a failed test keeps a screenshot."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from tests.api.conftest import engine, temporal
from tests.dashboard.installation import WIDE, DashboardUnderTest, Visitor, opened_dashboard, started_browser, visiting
from workflows.client import TemporalJobEngine

__all__ = ["engine", "temporal"]

ARTEFACTS = Path(__file__).parents[2] / ".artifacts"

OpenVisitor = Callable[..., Awaitable[Visitor]]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await started_browser(playwright)
        yield browser
        await browser.close()


@pytest.fixture
async def dashboard(tmp_path: Path, engine: TemporalJobEngine) -> AsyncIterator[DashboardUnderTest]:
    async with opened_dashboard(tmp_path, engine) as dashboard:
        yield dashboard


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "call":
        item.user_properties.append(("failed", report.failed))
    return report


@pytest.fixture
async def open_visitor(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[OpenVisitor]:
    """Opens a page in a new context: `await open_visitor(dashboard.url, key=…)`; options as in Playwright."""
    visitors: list[Visitor] = []

    async def open_one(url: str, *, key: str | None = None, **options: Any) -> Visitor:
        context = await browser.new_context(**{"viewport": WIDE, "locale": "en-GB", **options})
        visitor = await visiting(context, url)
        visitors.append(visitor)
        if key:
            await visitor.sign_in(key)
        return visitor

    yield open_one
    for number, visitor in enumerate(visitors):
        if ("failed", True) in request.node.user_properties:
            ARTEFACTS.mkdir(exist_ok=True)
            await visitor.page.screenshot(path=ARTEFACTS / f"{request.node.name}-{number}.png", full_page=True)
        await visitor.page.context.close()
