"""Every page in both languages, both themes and three widths: it fits, is accessible, quiet and light.

One installation and one browser; the four looks are visited side by side. axe looks at each page once in each look, at
the width that is written with it: phones and desks both have each language and each theme.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from playwright.async_api import Browser, ViewportSize

from tests.dashboard.accessibility import accessibility_violations
from tests.dashboard.installation import DashboardUnderTest, Visitor, visiting
from tests.dashboard.test_every_page import create_data

DESK, LAPTOP, PHONE = 1440, 1024, 390
HEIGHTS: Final[Mapping[int, int]] = {DESK: 900, LAPTOP: 768, PHONE: 844}
MAX_WEIGHT: Final = 150_000  #: bytes of a page with its scripts and styles, as they are sent; pictures are data


class Look(NamedTuple):
    """How a visitor sees the pages, and the width at which axe looks at them."""

    locale: str
    language: str
    theme: Literal["light", "dark"]
    axe_width: int


LOOKS: Final = (
    Look("en-GB", "en", "light", DESK),
    Look("en-GB", "en", "dark", PHONE),
    Look("zh-CN", "zh-CN", "light", PHONE),
    Look("zh-CN", "zh-CN", "dark", DESK),
)

#: Bytes of the document, its scripts, styles and data, however they came; pictures and films are left out.
WEIGHT: Final = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter((entry) => !["img", "video", "audio"].includes(entry.initiatorType))
  .reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""

FACTS: Final = """() => ({
  heading: document.querySelector("h1")?.innerText ?? "",
  language: document.documentElement.lang,
  owned: window.owned ?? null,
})"""

TOO_WIDE: Final = "document.documentElement.scrollWidth - innerWidth"


async def test_every_page_fits_is_accessible_quiet_and_light(dashboard: DashboardUnderTest, browser: Browser) -> None:
    pages = await create_data(dashboard)

    found = await asyncio.gather(*(_problems(dashboard, browser, look, pages) for look in LOOKS))

    assert "\n".join(problem for problems in found for problem in problems) == ""


async def _problems(dashboard: DashboardUnderTest, browser: Browser, look: Look, pages: Sequence[str]) -> list[str]:
    context = await browser.new_context(locale=look.locale, color_scheme=look.theme, viewport=_viewport(DESK))
    async with context:
        visitor = await visiting(context, dashboard.url)
        problems = await _problems_of(visitor, "/login", look)
        await visitor.sign_in(dashboard.key)
        for path in pages:
            problems += await _problems_of(visitor, path, look)
        await visitor.page.evaluate("document.querySelector('#menu').showPopover()")
        problems += [f"the menu: {report}" for report in [await accessibility_violations(visitor.page)] if report]
        return [f"{look.language} {look.theme} {problem}" for problem in (*problems, *visitor.console_errors)]


async def _problems_of(visitor: Visitor, path: str, look: Look) -> list[str]:
    page = visitor.page
    await page.set_viewport_size(_viewport(DESK))
    await visitor.open(path)
    facts, weight = await page.evaluate(FACTS), await page.evaluate(WEIGHT)
    problems = []
    if not facts["heading"]:
        problems.append("has no heading")
    if facts["language"] != look.language:
        problems.append(f"speaks {facts['language']}")
    if facts["owned"] is not None:
        problems.append("ran what somebody wrote")
    if weight > MAX_WEIGHT:
        problems.append(f"weighs {weight} bytes")
    for width in HEIGHTS:
        await page.set_viewport_size(_viewport(width))
        if (wider := await page.evaluate(TOO_WIDE)) > 0:
            problems.append(f"is {wider} pixels wider than {width}")
        if width == look.axe_width and (report := await accessibility_violations(page)):
            problems.append(report)
    return [f"{path}: {problem}" for problem in problems]


def _viewport(width: int) -> ViewportSize:
    return {"width": width, "height": HEIGHTS[width]}
