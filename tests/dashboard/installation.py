"""A served API with its dashboard, a browser, and a visitor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect

from aijobs.domain.values.scopes import Scope
from aijobs.persistence.access.first_key import ensure_first_key
from aijobs.persistence.access.keys import KeyKind, create_key
from api.app import build_app
from api.server import serving
from cli.embedded.ports import HOST, free_port
from tests.api.conftest import opened_dependencies
from tests.api.installation import ApiUnderTest
from tests.dashboard.install_browser import system_browser
from tests.patience import PATIENCE, http_client
from workflows.client import TemporalJobEngine

#: For containers, which have no sandbox and little shared memory; and without background requests.
FLAGS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-sync")
WIDE: Final = {"width": 1360, "height": 900}
SANDBOX: Final = "http://sandbox.test"  #: named in forms, never called


@dataclass
class DashboardUnderTest:
    """An installation with its first key, at the URL that its links contain."""

    installation: ApiUnderTest
    key: str

    @property
    def url(self) -> str:
        return self.installation.url

    async def key_of(self, user: str, *scopes: Scope) -> str:
        """The text of a new key that acts for this user only."""
        dependencies = self.installation.dependencies
        key_scopes = scopes or (Scope.JOBS_READ, Scope.JOBS_WRITE, Scope.FILES_WRITE)
        return await create_key(
            dependencies.database, dependencies.secret, kind=KeyKind.USER, name="test", user_id=user, scopes=key_scopes
        )


@asynccontextmanager
async def opened_dashboard(folder: Path, engine: TemporalJobEngine) -> AsyncIterator[DashboardUnderTest]:
    port = free_port()
    url = f"http://{HOST}:{port}"
    async with opened_dependencies(folder, engine, url=url, sandbox_url=SANDBOX) as dependencies:
        key = await ensure_first_key(dependencies.database, dependencies.secret, folder)
        async with (
            serving(build_app(dependencies), dependencies.live, host=HOST, port=port),
            http_client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as http,
        ):
            yield DashboardUnderTest(ApiUnderTest(url, dependencies, http), key)


async def started_browser(playwright: Playwright) -> Browser:
    """The system's own browser where there is one, else Playwright's. Pages are waited for as all is."""
    expect.set_options(timeout=1000 * PATIENCE)
    return await playwright.chromium.launch(executable_path=system_browser(), args=list(FLAGS))


@dataclass
class Visitor:
    """A page in a browser. `console_errors`: errors and warnings of the browser's console."""

    page: Page
    url: str
    console_errors: list[str] = field(default_factory=list)

    async def sign_in(self, key: str) -> None:
        await self.page.goto(f"{self.url}/login")
        await self.page.locator("input[name=key]").fill(key)
        await self.page.locator("main button.strong").click()
        await self.page.wait_for_url(f"{self.url}/")

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.url}{path}")

    def record_console_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.console_errors.append(f"{message.text} ({message.location.get('url', '')})")


async def visiting(context: BrowserContext, url: str) -> Visitor:
    page = await context.new_page()
    visitor = Visitor(page, url)
    page.on("console", visitor.record_console_message)
    page.on("pageerror", lambda error: visitor.console_errors.append(str(error)))
    return visitor
