"""The dashboard over the whole installation: Temporal, the sandbox, a worker, and an API that is killed on the way."""

from pathlib import Path

from playwright.async_api import expect

from sandbox.config import Pace
from tests.dashboard.conftest import OpenVisitor
from tests.stories.stack import PHOTO, running_stack

LONG_WAIT = 60_000


async def test_a_photo_goes_from_the_form_to_its_result_while_the_api_dies(
    tmp_path: Path, open_visitor: OpenVisitor
) -> None:
    async with running_stack(tmp_path, public=True, pace=Pace(queue_seconds=1, work_seconds=8)) as stack:
        url = str(stack.api.base_url).rstrip("/")
        visitor = await open_visitor(url, key=(tmp_path / "key").read_text().strip())
        await visitor.open("/new")
        await visitor.page.locator("input[type=file]").set_input_files(PHOTO)
        await expect(visitor.page.locator(".drop .said")).to_contain_text("Uploaded")
        await visitor.page.get_by_role("button", name="Submit").click()
        await visitor.page.wait_for_url("**/jobs/job_*")
        step = visitor.page.locator(".track [aria-current=step]")
        await expect(step).to_contain_text("Processing", timeout=LONG_WAIT)
        await visitor.page.evaluate("window.untouched = true")

        await stack.kill("api")
        await expect(visitor.page.locator("#connection")).to_have_text("Reconnecting…", timeout=LONG_WAIT)
        await stack.start("api")

        await expect(step).to_have_text("Success", timeout=LONG_WAIT)
        await expect(visitor.page.locator("#connection")).to_have_text("Live")
        for name in ("Before", "Results"):
            picture = visitor.page.locator(".output").get_by_role("img", name=name)
            assert await picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0
        assert await visitor.page.evaluate("window.untouched")

        code = visitor.page.url.rpartition("/")[2]
        await visitor.open("/jobs")
        thumbnail = visitor.page.locator(f"#{code} img.thumb")
        assert await thumbnail.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 96

        await visitor.open(f"/example?job={code}")
        await visitor.page.get_by_role("button", name="Follow").click()
        await expect(visitor.page.locator("#messages")).to_contain_text("COMPLETE")
        await expect(visitor.page.locator("#bar")).to_have_attribute("value", "100")

        await visitor.open("/models")
        await expect(visitor.page.get_by_text("100 %")).to_be_visible()
