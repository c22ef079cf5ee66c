"""Photos in a browser, over the whole stack: uploaded, measured, beautified live, and compared."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.async_playwright import Axe
from PIL import Image
from playwright.async_api import Page, expect

from tests.dashboard.conftest import Invite
from tests.stories.stack import PHOTO, StoryStack, running_stack

SECONDS: Final = 60_000
NARROW: Final = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
async def darkroom(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    folder = tmp_path_factory.mktemp("darkroom")
    async with running_stack(folder, public=True, settings={"AIJOBS_CHAT__VISION": "false"}) as stack:
        yield stack


def url_of(stack: StoryStack) -> str:
    return str(stack.api.base_url).rstrip("/")


def key_of(stack: StoryStack) -> str:
    return stack.api.headers["Authorization"].removeprefix("Bearer ")


async def hand_in(page: Page, stack: StoryStack, file: Path = PHOTO) -> None:
    await page.goto(f"{url_of(stack)}/photos")
    await page.get_by_label("User").fill("ada")
    await page.get_by_label("A photo").set_input_files(file)
    await page.get_by_role("button", name="Have it reviewed").click()


async def complaints_of(page: Page) -> list[Any]:
    found = await Axe().run(page, options={"resultTypes": ["violations"]})
    return [(wrong["id"], [node["html"] for node in wrong["nodes"]]) for wrong in found.response["violations"]]


async def test_a_photo_goes_from_the_upload_to_before_and_after(darkroom: StoryStack, invite: Invite) -> None:
    visitor = await invite(url_of(darkroom), key=key_of(darkroom))
    page = visitor.page

    await hand_in(page, darkroom)
    await expect(page.get_by_text("no vision model is configured")).to_be_visible(timeout=SECONDS)
    await expect(page.get_by_text("rule-of-thirds saliency estimate")).to_be_visible()
    await expect(page.get_by_role("progressbar", name="Focus")).to_be_visible()
    reviewed = await complaints_of(page)
    await page.evaluate("window.untouched = true")
    await page.reload()
    await page.get_by_role("button", name="Beautify it").click()
    await page.evaluate("window.untouched = true")
    await expect(page.get_by_role("slider")).to_be_visible(timeout=SECONDS)

    assert await page.evaluate("window.untouched"), "it came live"
    assert reviewed == []
    assert await complaints_of(page) == []
    assert visitor.complaints == []


async def test_the_slider_works_by_keyboard(darkroom: StoryStack, invite: Invite) -> None:
    visitor = await invite(url_of(darkroom), key=key_of(darkroom))
    await beautified(visitor.page, darkroom)
    after = visitor.page.locator(".after").first

    await visitor.page.get_by_role("slider").focus()
    await visitor.page.keyboard.press("Home")
    whole = await after.evaluate("found => getComputedStyle(found).clipPath")
    await visitor.page.keyboard.press("End")
    nothing = await after.evaluate("found => getComputedStyle(found).clipPath")

    assert whole == "inset(0px 0px 0px 0%)"
    assert nothing == "inset(0px 0px 0px 100%)"


async def test_without_scripts_both_are_shown_side_by_side(darkroom: StoryStack, invite: Invite) -> None:
    visitor = await invite(url_of(darkroom), key=key_of(darkroom))
    await beautified(visitor.page, darkroom)
    reader = await invite(url_of(darkroom), key=key_of(darkroom), java_script_enabled=False)

    await reader.page.goto(visitor.page.url)
    before = await reader.page.locator(".before img").bounding_box()
    after = await reader.page.locator(".after img").bounding_box()

    assert before is not None
    assert after is not None
    assert after["x"] >= before["x"] + before["width"]
    await expect(reader.page.get_by_role("slider")).to_have_count(0)


async def test_what_is_no_photo_is_said_above_the_form(darkroom: StoryStack, invite: Invite, tmp_path: Path) -> None:
    visitor = await invite(url_of(darkroom), key=key_of(darkroom))
    moving = tmp_path / "moving.gif"
    moving.write_bytes(b"GIF89a and nothing else")

    await hand_in(visitor.page, darkroom, moving)

    await expect(visitor.page.get_by_role("alert")).to_contain_text("damaged or incomplete")
    await expect(visitor.page.get_by_label("A photo")).to_be_visible()


async def test_a_hostile_name_is_only_a_name(darkroom: StoryStack, invite: Invite, tmp_path: Path) -> None:
    visitor = await invite(url_of(darkroom), key=key_of(darkroom))
    hostile = tmp_path / "<img src=x onerror=alert(1)>.jpg"
    hostile.write_bytes(PHOTO.read_bytes())

    await hand_in(visitor.page, darkroom, hostile)

    await expect(visitor.page.get_by_role("heading", level=1)).to_have_text(hostile.name)
    assert visitor.complaints == []


async def test_a_photo_that_cannot_be_beautified_says_why_in_chinese(
    darkroom: StoryStack, invite: Invite, tmp_path: Path
) -> None:
    even, kept = tmp_path / "even.png", io.BytesIO()
    Image.new("RGB", (300, 200), "grey").save(kept, "PNG")
    even.write_bytes(kept.getvalue())
    visitor = await invite(url_of(darkroom), key=key_of(darkroom), viewport=NARROW)
    await hand_in(visitor.page, darkroom, even)
    await expect(visitor.page.get_by_text("Almost nothing can be seen")).to_be_visible(timeout=SECONDS)

    await visitor.page.get_by_role("button", name="中文").click()

    await expect(visitor.page.get_by_text("照片几乎没有内容。")).to_be_visible()
    await expect(visitor.page.get_by_role("button", name="开始美化")).to_have_count(0)
    assert await complaints_of(visitor.page) == []


async def test_the_gallery_shows_each_photo_in_both_themes(darkroom: StoryStack, invite: Invite) -> None:
    for scheme in ("light", "dark"):
        visitor = await invite(url_of(darkroom), key=key_of(darkroom), color_scheme=scheme)
        await hand_in(visitor.page, darkroom)
        await expect(visitor.page.get_by_text("no vision model is configured")).to_be_visible(timeout=SECONDS)
        assert await complaints_of(visitor.page) == []

        await visitor.open("/photos")
        small = visitor.page.locator(".gallery img").first
        await expect(small).to_be_visible()

        assert await small.evaluate("found => found.decode().then(() => found.naturalWidth)") > 0
        assert await complaints_of(visitor.page) == []
        assert visitor.complaints == []


async def beautified(page: Page, stack: StoryStack) -> None:
    """Show a photo that is beautified."""
    await hand_in(page, stack)
    await page.get_by_role("button", name="Beautify it").click(timeout=SECONDS)
    await expect(page.get_by_role("slider")).to_be_visible(timeout=SECONDS)
