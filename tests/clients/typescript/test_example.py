"""The React example in a real browser, over the whole stack, while the API dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from playwright.async_api import async_playwright, expect

from cli.embedded.ports import HOST, free_port
from cli.embedded.processes import ProcessSpec, running
from sandbox.config import Pace
from tests.clients.typescript.packages import EXAMPLE, needs_node, npm
from tests.dashboard.installation import started_browser, visiting
from tests.patience import http_client
from tests.stories.stack import PHOTO, StoryStack, running_stack

pytestmark = needs_node

LONG_WAIT = 60_000


@asynccontextmanager
async def served_example(stack: StoryStack, port: int, folder: Path) -> AsyncIterator[str]:
    """The example as it is built for production, with its small backend, which alone knows the key."""
    environment = {
        **stack.environment,
        "VITE_AIJOBS_URL": str(stack.api.base_url).rstrip("/"),
        "AIJOBS_KEY": (folder / "key").read_text().strip(),
    }
    built = str(folder / "example")
    await asyncio.to_thread(
        npm,
        "run",
        "build",
        "--",
        "--outDir",
        built,
        "--emptyOutDir",
        folder=EXAMPLE,
        **{name: environment[name] for name in ("VITE_AIJOBS_URL",)},
    )
    url = f"http://{HOST}:{port}"

    async def is_ready() -> bool:
        async with http_client() as http:
            try:
                return (await http.get(url)).status_code == 200
            except httpx.TransportError:
                return False

    vite = str(EXAMPLE / "node_modules" / ".bin" / "vite")
    command = (vite, "preview", str(EXAMPLE), "--outDir", built, "--host", HOST, "--port", str(port), "--strictPort")
    log = folder / "logs" / "example.log"
    async with running(
        ProcessSpec(name="example", command=command, environment=environment, log=log), is_ready=is_ready
    ):
        yield url


async def test_a_bar_of_a_react_page_is_live_while_the_api_dies(tmp_path: Path) -> None:
    port = free_port()
    settings = {"AIJOBS_API__ALLOWED_ORIGINS": f"http://{HOST}:{port}"}
    pace = Pace(queue_seconds=1, work_seconds=8)
    async with (
        running_stack(tmp_path, public=True, pace=pace, settings=settings) as stack,
        served_example(stack, port, tmp_path) as url,
        async_playwright() as playwright,
    ):
        browser = await started_browser(playwright)
        visitor = await visiting(await browser.new_context(), url)
        page = visitor.page
        await visitor.open("/")
        await page.get_by_label("Photo").set_input_files(PHOTO)
        status = page.get_by_role("status")
        await expect(status).to_contain_text("PROCESSING", timeout=LONG_WAIT)
        assert visitor.console_errors == []

        await stack.kill("api")
        await expect(status).to_contain_text("reconnecting", timeout=LONG_WAIT)
        await stack.start("api")

        await expect(status).to_have_text("SUCCESS 100 %", timeout=LONG_WAIT)
        picture = page.get_by_alt_text("Result")
        assert await picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0
        lines = page.get_by_label("All jobs").get_by_role("listitem")
        await expect(lines.first).to_contain_text("SUCCESS", timeout=LONG_WAIT)
        heard = [line.split()[-1] for line in await lines.all_inner_texts()]
        assert heard[::-1] == ["DRAFT", "SUBMITTED", "QUEUED", "PROCESSING", "GENERATED", "MIGRATING", "SUCCESS"]
        assert (tmp_path / "key").read_text().strip() not in await page.content()
        await browser.close()
