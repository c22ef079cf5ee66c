"""When each page of the dashboard shows something: the first contentful paint in a real browser, with many jobs."""

import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from playwright.async_api import Browser, Page, StorageState, async_playwright

from bench.report import Aim, Report
from bench.rig.processes import started
from bench.rig.workspace import SECRET
from bench.scale.archive import filled
from cli.embedded.ports import HOST, free_ports
from tests.dashboard.installation import started_browser

JOBS: Final = 10_000
QUICK_JOBS: Final = 1_000
ROUNDS: Final = 3
MOST_SECONDS: Final = 0.4
MOST_BYTES: Final = 150_000

#: Milliseconds until the answer begins and until something is painted, and bytes of document, scripts and styles.
PAINT: Final = """() => new Promise((resolve) => {
  const sizes = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter((entry) => !["img", "video", "audio"].includes(entry.initiatorType));
  const answered = performance.getEntriesByType("navigation")[0].responseStart;
  const bytes = sizes.reduce((sum, entry) => sum + entry.encodedBodySize, 0);
  new PerformanceObserver((list) => {
    const paint = list.getEntriesByName("first-contentful-paint")[0];
    if (paint) resolve([answered, paint.startTime, bytes]);
  }).observe({ type: "paint", buffered: true });
})"""


@dataclass
class PageFigures:
    """Of one page, each of several visits: milliseconds, with nothing in the browser's cache and with all; bytes."""

    answered: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    size: int = 0


async def measure(*, quick: bool) -> Report:
    jobs = QUICK_JOBS if quick else JOBS
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder}/aijobs.db"
        known, key = await filled(folder, url, jobs)
        address = await _served(stack, folder, url)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await stack.enter_async_context(await started_browser(playwright))
        session = await _signed_in(browser, address, key)
        paths = _paths(known.codes[0])
        found = {path: PageFigures() for path in paths}
        for _ in range(1 if quick else ROUNDS):
            for path, figures in found.items():
                await _visit(browser, session, address + path, figures)
    return _report(jobs, found)


def _paths(code: str) -> Sequence[str]:
    lists = ["/", "/?period=30d", "/jobs", "/batches", "/new", "/models", "/users", "/money"]
    return [*lists, f"/jobs/{code}", "/keys", "/health", "/settings", "/audit"]


async def _served(stack: AsyncExitStack, folder: Path, url: str) -> str:
    """The address of the real API over the database, in a process of its own. It has no Temporal."""
    (port,) = free_ports(1)
    settings = {
        "AIJOBS_DATA_DIR": str(folder),
        "AIJOBS_DATABASE_URL": url,
        "AIJOBS_SECRET": SECRET,
        "AIJOBS_API__PORT": str(port),
        "AIJOBS_ONE_HOST": "true",
    }
    await started(stack, "cli.main", "api", folder=folder, port=port, settings=settings)
    return f"http://{HOST}:{port}"


async def _signed_in(browser: Browser, address: str, key: str) -> StorageState:
    context = await browser.new_context()
    async with context:
        page = await context.new_page()
        await page.goto(f"{address}/login")
        await page.locator("input[name=key]").fill(key)
        await page.locator("main button.strong").click()
        await page.wait_for_url(f"{address}/")
        return await context.storage_state()


async def _visit(browser: Browser, session: StorageState, url: str, figures: PageFigures) -> None:
    context = await browser.new_context(storage_state=session, viewport={"width": 1440, "height": 900})
    async with context:
        page = await context.new_page()
        answered, painted, size = await _painted(page, url)
        figures.answered.append(answered)
        figures.first.append(painted)
        figures.size = int(size)
        figures.again.append((await _painted(page, url))[1])


async def _painted(page: Page, url: str) -> tuple[float, float, float]:
    await page.goto(url)
    answered, painted, size = await page.evaluate(PAINT)
    return answered, painted, size


def _report(jobs: int, found: dict[str, PageFigures]) -> Report:
    slowest = max(median(figures.first) for figures in found.values())
    heaviest = max(figures.size for figures in found.values())
    return Report(
        title="First contentful paint of the dashboard's pages",
        how=(
            f"{jobs:,} finished jobs in SQLite; Chromium at 1440 × 900; medians of visits with an empty cache, and "
            "of the visit after each."
        ),
        columns=["page", "answer begins", "painted", "painted again", "bytes sent"],
        rows=[
            [
                path.split("_")[0],
                *(f"{median(samples):.0f} ms" for samples in (figures.answered, figures.first, figures.again)),
                f"{figures.size:,}",
            ]
            for path, figures in found.items()
        ],
        aims=[
            Aim(
                f"painted within {MOST_SECONDS * 1000:.0f} ms: {slowest:.0f} ms at most", slowest <= MOST_SECONDS * 1000
            ),
            Aim(f"at most {MOST_BYTES:,} bytes: {heaviest:,}", heaviest <= MOST_BYTES),
        ],
    )
