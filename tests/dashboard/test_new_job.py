"""Submitting a job with the form that is built from the model's parameters."""

import asyncio

from playwright.async_api import APIRequestContext, FilePayload, expect

from tests.api.pictures import picture
from tests.dashboard.accessibility import accessibility_violations
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

PHOTO = "https://example.com/photo.jpg"


async def test_a_job_is_handed_in_with_its_price_shown_before(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/new")
    await visitor.page.get_by_role("textbox", name="User").fill("ada")
    await visitor.page.get_by_role("textbox", name="User").blur()
    await expect(visitor.page.locator("#price")).to_contain_text("2 points")
    await expect(visitor.page.locator("#price")).to_contain_text("100 of 100 points left today")

    await visitor.page.get_by_label("image required").fill(PHOTO)
    await visitor.page.get_by_label("upscale factor").select_option("4")
    await visitor.page.get_by_role("button", name="Submit").click()
    await visitor.page.wait_for_url("**/jobs/job_*")

    job = (await dashboard.installation.http.get(f"/api/jobs/{visitor.page.url.rpartition('/')[2]}")).json()
    assert job["user_id"] == "ada"
    await visitor.page.get_by_text("All parameters as JSON").click()
    await expect(visitor.page.get_by_text('"upscale_factor": 4')).to_be_visible()
    await expect(visitor.page.get_by_text('"face_enhancement_strength": 0.8')).to_be_visible()


async def test_the_sandbox_is_asked_to_do_something_wrong(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/new")
    await visitor.page.get_by_label("image required").fill(PHOTO)
    await visitor.page.get_by_text("Test mode").click()
    await visitor.page.get_by_label("Simulated fault").fill(" accept_then_drop ")

    await visitor.page.get_by_role("button", name="Submit").click()
    await visitor.page.wait_for_url("**/jobs/job_*")

    job = (await dashboard.installation.http.get(f"/api/jobs/{visitor.page.url.rpartition('/')[2]}")).json()
    assert job["metadata"] == {"sandbox": "accept_then_drop"}


async def test_a_file_is_dropped_and_uploaded(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/new")
    dropped = await visitor.page.evaluate_handle(
        """bytes => { const held = new DataTransfer();
        held.items.add(new File([new Uint8Array(bytes)], "<b>photo.png", { type: "image/png" })); return held; }""",
        list(picture(64, 48, "PNG")),
    )

    await visitor.page.locator(".drop").dispatch_event("drop", {"dataTransfer": dropped})

    await expect(visitor.page.locator(".drop .said")).to_contain_text("<b>photo.png")
    assert (await visitor.page.get_by_label("image required").input_value()).startswith("file_")
    await visitor.page.get_by_role("button", name="Submit").click()
    await visitor.page.wait_for_url("**/jobs/job_*")


async def test_what_is_no_picture_is_refused_where_it_was_dropped(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/new")

    file = FilePayload(name="note.png", mimeType="image/png", buffer=b"not a picture")
    await visitor.page.locator("input[type=file]").set_input_files(file)

    await expect(visitor.page.locator(".drop .said")).to_contain_text("not a picture")


async def test_errors_are_shown_at_their_fields_and_nothing_is_forgotten(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/new")
    await visitor.page.get_by_label("image required").fill("ftp://<script>")
    await visitor.page.get_by_label("output format").select_option("png")
    await visitor.page.get_by_role("switch", name="face enhancement").check()

    await visitor.page.get_by_role("button", name="Submit").click()

    invalid_field = visitor.page.locator(".field.wrong")
    await expect(invalid_field).to_have_count(1)
    await expect(invalid_field.get_by_label("image required")).to_have_value("ftp://<script>")
    await expect(invalid_field.locator(".bad")).to_be_visible()
    await expect(visitor.page.get_by_label("output format")).to_have_value("png")
    await expect(visitor.page.get_by_role("switch", name="face enhancement")).to_be_checked()
    await visitor.page.get_by_role("alert").get_by_role("link", name="image").click()
    assert visitor.page.url.endswith("#params.image")
    assert await accessibility_violations(visitor.page) == ""


async def test_the_form_sent_twice_makes_one_job(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/new")
    await visitor.page.get_by_label("image required").fill(PHOTO)
    form = await visitor.page.locator("#new").evaluate("form => Object.fromEntries(new FormData(form))")

    responses = await asyncio.gather(*(_post_form(visitor.page.request, dashboard, form) for _ in range(3)))

    assert len(set(responses)) == 1
    assert len((await dashboard.installation.http.get("/api/jobs")).json()["data"]) == 1


async def test_more_than_is_left_today_is_said_before_and_refused_after(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    for _ in range(50):
        await dashboard.installation.job("ada")
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/new")
    await expect(visitor.page.locator("#price")).to_contain_text("This costs more than today's remaining points.")

    await visitor.page.get_by_label("image required").fill(PHOTO)
    await visitor.page.get_by_role("button", name="Submit").click()

    await expect(visitor.page.get_by_role("alert")).to_contain_text("0 of 100 are left today")


async def test_a_picture_is_pasted_into_the_field_that_is_empty(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/new")

    await visitor.page.evaluate(
        """bytes => { const held = new DataTransfer();
        held.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/png" }));
        document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: held, bubbles: true })); }""",
        list(picture(64, 48, "PNG")),
    )

    await expect(visitor.page.locator(".drop .said")).to_contain_text("64 × 48")
    small = visitor.page.locator(".small-picture")
    assert await small.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0
    await visitor.page.get_by_role("button", name="Remove").click()
    await expect(visitor.page.get_by_label("image required")).to_have_value("")
    await expect(small).to_be_hidden()


async def test_a_slider_and_its_number_move_together(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/new")
    slider = visitor.page.get_by_role("slider", name="face enhancement strength")
    number = visitor.page.get_by_role("spinbutton", name="face enhancement strength")
    await expect(slider).to_have_value("0.8")

    await slider.press("ArrowRight")
    await expect(number).to_have_value("0.81")
    await number.fill("0.4")
    await expect(slider).to_have_value("0.4")


async def _post_form(request: APIRequestContext, dashboard: DashboardUnderTest, form: dict[str, str]) -> str:
    response = await request.post(
        f"{dashboard.url}/new", form=dict(form), headers={"Origin": dashboard.url}, max_redirects=0
    )
    assert response.status == 303, await response.text()
    location: str = response.headers["location"]
    return location
