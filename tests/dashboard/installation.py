"""A served API with its dashboard, a browser in front of it, and jobs to look at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

from aijobs.persistence.access.first_key import ensure_first_key
from aijobs.persistence.access.keys import KeyKind, Scope, create_key
from api.app import build_app
from api.server import serving
from cli.embedded.ports import HOST, free_port
from tests.api.conftest import opened_parts
from tests.api.installation import ApiUnderTest
from tests.dashboard.install_browser import system_browser
from workflows.client import TemporalJobEngine

#: In a container there is no sandbox and little shared memory; and a test's browser talks to nobody else.
FLAGS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-sync")
WIDE: Final = {"width": 1360, "height": 900}


@dataclass
class DashboardUnderTest:
    """An installation whose first key is `key`, at the address that its own links name."""

    installation: ApiUnderTest
    key: str

    @property
    def url(self) -> str:
        return self.installation.url

    async def key_of(self, user: str, *scopes: Scope) -> str:
        """The text of a new key that acts for this user only."""
        parts = self.installation.parts
        wanted = scopes or (Scope.JOBS_READ, Scope.JOBS_WRITE, Scope.FILES_WRITE)
        return await create_key(
            parts.database, parts.secret, kind=KeyKind.USER, name="test", user_id=user, scopes=wanted
        )


@asynccontextmanager
async def opened_house(folder: Path, engine: TemporalJobEngine) -> AsyncIterator[DashboardUnderTest]:
    port = free_port()
    url = f"http://{HOST}:{port}"
    async with opened_parts(folder, engine, url=url) as parts:
        key = await ensure_first_key(parts.database, parts.secret, folder)
        async with (
            serving(build_app(parts), parts.live, host=HOST, port=port),
            httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as http,
        ):
            yield DashboardUnderTest(ApiUnderTest(url, parts, http), key)


async def started_browser(playwright: Playwright) -> Browser:
    """The system's own browser where there is one, else Playwright's."""
    return await playwright.chromium.launch(executable_path=system_browser(), args=list(FLAGS))


@dataclass
class Visitor:
    """Somebody at a browser. `complaints` are the errors that the browser's console has shown."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    async def sign_in(self, key: str) -> None:
        await self.page.goto(f"{self.url}/login")
        await self.page.locator("input[name=key]").fill(key)
        await self.page.locator("main button.strong").click()
        await self.page.wait_for_url(f"{self.url}/")

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.url}{path}")

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")


async def visiting(context: BrowserContext, url: str) -> Visitor:
    page = await context.new_page()
    visitor = Visitor(page, url)
    page.on("console", visitor.hear)
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    return visitor
