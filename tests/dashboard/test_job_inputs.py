"""Choosing an earlier upload, or the picture that came of an earlier job, in the form for a new job."""

from playwright.async_api import expect

from aijobs.domain.lifecycle import JobStatus
from tests.api.pictures import picture
from tests.dashboard.accessibility import accessibility_violations
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

GENERATED = (JobStatus.SUBMITTED, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING)


async def _finished_job(dashboard: DashboardUnderTest, user: str) -> str:
    code = await dashboard.installation.job(user)
    await dashboard.installation.push(code, *GENERATED)
    await dashboard.installation.keep_output(code, picture(30, 20, "PNG"))
    await dashboard.installation.push(code, JobStatus.SUCCESS)
    return code


async def test_an_earlier_upload_is_chosen_by_the_keyboard(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    uploaded = (await dashboard.installation.upload(picture(64, 48, "PNG"), name="<b>mine.png")).json()["code"]
    await dashboard.installation.upload(picture(32, 32, "PNG"), name="theirs.png", user="grace")
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/new")
    pick = visitor.page.get_by_role("button", name="Use an earlier file")

    await pick.press("Enter")
    dialog = visitor.page.get_by_role("dialog", name="Earlier files")
    await expect(dialog).to_contain_text("There is nothing that fits here yet.")
    await visitor.page.keyboard.press("Escape")
    await visitor.page.get_by_role("textbox", name="User").fill("ada")
    await pick.press("Enter")
    await expect(dialog).to_contain_text("<b>mine.png")
    await expect(dialog).not_to_contain_text("theirs.png")
    assert await accessibility_violations(visitor.page) == ""
    await dialog.get_by_role("button", name="<b>mine.png").press("Enter")

    await expect(dialog).to_be_hidden()
    await expect(visitor.page.get_by_label("image required")).to_have_value(uploaded)
    await expect(visitor.page.locator(".drop .said")).to_contain_text("<b>mine.png · 64 × 48")
    assert visitor.console_errors == []


async def test_the_picture_of_an_earlier_job_becomes_an_upload(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await _finished_job(dashboard, "ada")
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/new")

    await visitor.page.get_by_role("button", name="Use an earlier file").click()
    await visitor.page.get_by_role("dialog").get_by_role("button", name=code[-6:]).click()

    await expect(visitor.page.locator(".drop .said")).to_contain_text(f"{code}-0.png · 30 × 20")
    file = await visitor.page.get_by_label("image required").input_value()
    stored = (await dashboard.installation.http.get(f"/api/files/{file}", headers={"Aijobs-User": "ada"})).json()
    assert (stored["media_type"], stored["width"]) == ("image/png", 30)
    await visitor.page.get_by_role("button", name="Submit").click()
    await visitor.page.wait_for_url("**/jobs/job_*")


async def test_nobody_elses_output_can_be_used(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    code = await _finished_job(dashboard, "grace")
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/new")
    await visitor.page.get_by_role("button", name="Use an earlier file").click()
    await expect(visitor.page.get_by_role("dialog")).to_contain_text("There is nothing that fits here yet.")

    answers = [
        await visitor.page.request.post(
            f"{dashboard.url}/new/files",
            form={"job": job, "index": index, "user_id": user},
            headers={"Origin": dashboard.url},
        )
        for job, index, user in [(code, "0", ""), (code, "0", "grace"), (code, "7", ""), ("job_none", "0", "")]
    ]

    assert [answer.status for answer in answers] == [404, 403, 404, 404]


async def test_a_small_picture_is_made_of_pictures_alone(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    photo = (await dashboard.installation.upload(picture(200, 100, "JPEG"))).json()["code"]
    note = (await dashboard.installation.upload(b"A note.", name="note.txt")).json()["code"]
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    others = await open_visitor(dashboard.url, key=await dashboard.key_of("grace"))

    answers = [
        await one.page.request.get(f"{dashboard.url}/files/{code}/thumbnail")
        for one, code in [(visitor, photo), (visitor, note), (others, photo)]
    ]

    assert [answer.status for answer in answers] == [200, 404, 404]
    assert answers[0].headers["content-type"] == "image/webp"
