"""Photos in a browser, over the whole stack: uploaded, measured, beautified live, and compared."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from tests.dashboard.accessibility import accessibility_violations
from tests.dashboard.conftest import OpenVisitor
from tests.stories.stack import PHOTO, StoryStack, running_stack

SECONDS: Final = 60_000
NARROW: Final = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
async def photos_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    folder = tmp_path_factory.mktemp("darkroom")
    async with running_stack(folder, public=True, settings={"AIJOBS_CHAT__VISION": "false"}) as stack:
        yield stack


def url_of(stack: StoryStack) -> str:
    return str(stack.api.base_url).rstrip("/")


def key_of(stack: StoryStack) -> str:
    return stack.api.headers["Authorization"].removeprefix("Bearer ")


async def upload_photo(page: Page, stack: StoryStack, file: Path = PHOTO) -> None:
    await page.goto(f"{url_of(stack)}/photos")
    await page.get_by_role("textbox", name="User").fill("ada")
    await page.get_by_label("A photo").set_input_files(file)
    await page.get_by_role("button", name="Review photo").click()


async def test_a_photo_goes_from_the_upload_to_before_and_after(
    photos_stack: StoryStack, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(url_of(photos_stack), key=key_of(photos_stack))
    page = visitor.page

    await upload_photo(page, photos_stack)
    await expect(page.get_by_text("no vision model is configured")).to_be_visible(timeout=SECONDS)
    await expect(page.get_by_text("rule-of-thirds saliency estimate")).to_be_visible()
    await expect(page.get_by_role("progressbar", name="Focus")).to_be_visible()
    reviewed = await accessibility_violations(page)
    await page.evaluate("window.untouched = true")
    await page.reload()
    await page.get_by_role("button", name="Beautify").click()
    await page.evaluate("window.untouched = true")
    await expect(page.get_by_role("slider")).to_be_visible(timeout=SECONDS)

    assert await page.evaluate("window.untouched"), "it came live"
    assert reviewed == ""
    assert await accessibility_violations(page) == ""
    assert visitor.console_errors == []


async def test_the_slider_works_by_keyboard(photos_stack: StoryStack, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(url_of(photos_stack), key=key_of(photos_stack))
    await show_beautified_photo(visitor.page, photos_stack)
    after = visitor.page.locator(".after").first

    await visitor.page.get_by_role("slider").focus()
    await visitor.page.keyboard.press("Home")
    whole = await after.evaluate("found => getComputedStyle(found).clipPath")
    await visitor.page.keyboard.press("End")
    nothing = await after.evaluate("found => getComputedStyle(found).clipPath")

    assert whole == "inset(0px 0px 0px 0%)"
    assert nothing == "inset(0px 0px 0px 100%)"


async def test_without_scripts_both_are_shown_side_by_side(photos_stack: StoryStack, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(url_of(photos_stack), key=key_of(photos_stack))
    await show_beautified_photo(visitor.page, photos_stack)
    reader = await open_visitor(url_of(photos_stack), key=key_of(photos_stack), java_script_enabled=False)

    await reader.page.goto(visitor.page.url)
    before = await reader.page.locator(".before img").bounding_box()
    after = await reader.page.locator(".after img").bounding_box()

    assert before is not None
    assert after is not None
    assert after["x"] >= before["x"] + before["width"]
    await expect(reader.page.get_by_role("slider")).to_have_count(0)


async def test_what_is_no_photo_is_said_above_the_form(
    photos_stack: StoryStack, open_visitor: OpenVisitor, tmp_path: Path
) -> None:
    visitor = await open_visitor(url_of(photos_stack), key=key_of(photos_stack))
    moving = tmp_path / "moving.gif"
    moving.write_bytes(b"GIF89a and nothing else")

    await upload_photo(visitor.page, photos_stack, moving)

    await expect(visitor.page.get_by_role("alert")).to_contain_text("not a picture in a format that we read")
    await expect(visitor.page.get_by_label("A photo")).to_be_visible()


async def test_a_hostile_name_is_only_a_name(
    photos_stack: StoryStack, open_visitor: OpenVisitor, tmp_path: Path
) -> None:
    visitor = await open_visitor(url_of(photos_stack), key=key_of(photos_stack))
    hostile = tmp_path / "<img src=x onerror=alert(1)>.jpg"
    hostile.write_bytes(PHOTO.read_bytes())

    await upload_photo(visitor.page, photos_stack, hostile)

    await expect(visitor.page.get_by_role("heading", level=1)).to_have_text(hostile.name)
    assert visitor.console_errors == []


async def test_a_photo_that_cannot_be_beautified_says_why_in_chinese(
    photos_stack: StoryStack, open_visitor: OpenVisitor, tmp_path: Path
) -> None:
    even, kept = tmp_path / "even.png", io.BytesIO()
    Image.new("RGB", (300, 200), "grey").save(kept, "PNG")
    even.write_bytes(kept.getvalue())
    visitor = await open_visitor(url_of(photos_stack), key=key_of(photos_stack), viewport=NARROW)
    await upload_photo(visitor.page, photos_stack, even)
    await expect(visitor.page.get_by_text("Almost nothing can be seen")).to_be_visible(timeout=SECONDS)

    await visitor.page.get_by_role("button", name="Menu").click()
    await visitor.page.get_by_role("button", name="中文").click()

    await expect(visitor.page.get_by_text("照片几乎没有内容。")).to_be_visible()
    await expect(visitor.page.get_by_role("button", name="美化")).to_have_count(0)
    assert await accessibility_violations(visitor.page) == ""


async def test_the_gallery_shows_each_photo_in_both_themes(photos_stack: StoryStack, open_visitor: OpenVisitor) -> None:
    for scheme in ("light", "dark"):
        visitor = await open_visitor(url_of(photos_stack), key=key_of(photos_stack), color_scheme=scheme)
        await upload_photo(visitor.page, photos_stack)
        await expect(visitor.page.get_by_text("no vision model is configured")).to_be_visible(timeout=SECONDS)
        assert await accessibility_violations(visitor.page) == ""

        await visitor.open("/photos")
        small = visitor.page.locator(".gallery img").first
        await expect(small).to_be_visible()

        assert await small.evaluate("found => found.decode().then(() => found.naturalWidth)") > 0
        assert await accessibility_violations(visitor.page) == ""
        assert visitor.console_errors == []


async def show_beautified_photo(page: Page, stack: StoryStack) -> None:
    """Upload a photo, beautify it, and show its page."""
    await upload_photo(page, stack)
    await page.get_by_role("button", name="Beautify").click(timeout=SECONDS)
    await expect(page.get_by_role("slider")).to_be_visible(timeout=SECONDS)
