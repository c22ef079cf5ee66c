"""What a job was given and what came of it, side by side and above the fold."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from playwright.async_api import expect

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Capabilities
from aijobs.persistence.column_types import now
from aijobs.persistence.tables import JobRow
from dashboard.pages.job_results import missing_results
from tests.api.pictures import picture
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

DESK = {"width": 1440, "height": 900}
GENERATED = (JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING)


async def test_the_picture_before_and_after_is_compared_above_the_fold(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    installation = dashboard.installation
    file = (await installation.upload(picture(320, 240), name="<b>sea.jpg")).json()["code"]
    code = await installation.job(params={"image": file, "upscale_factor": 2})
    await installation.push(code, *GENERATED)
    await installation.keep_output(code, picture(640, 480, "PNG"))
    await installation.push(code, JobStatus.SUCCESS)
    visitor = await open_visitor(dashboard.url, key=dashboard.key, viewport=DESK)

    await visitor.open(f"/jobs/{code}")

    await expect(visitor.page.locator("#input img")).to_have_js_property("naturalWidth", 320)
    await expect(visitor.page.locator("#input")).to_contain_text("<b>sea.jpg")
    await expect(visitor.page.locator(".parameters")).to_contain_text("upscale factor")
    await expect(visitor.page.locator(".compare .before img")).to_have_js_property("naturalWidth", 320)
    await expect(visitor.page.locator(".compare .after img")).to_have_js_property("naturalWidth", 640)
    await visitor.page.locator(".compare input[type=range]").fill("80")
    assert await visitor.page.locator(".pictures").evaluate("it => it.style.getPropertyValue('--at')") == "80%"
    for part in ("#status", "#results", "#input"):
        box = await visitor.page.locator(part).bounding_box()
        assert box is not None, part
        assert box["y"] + box["height"] <= DESK["height"], part
    assert visitor.console_errors == []

    await visitor.page.locator("#input figcaption a").click()
    await expect(visitor.page.locator("img")).to_have_js_property("naturalWidth", 320)


async def test_an_input_is_shown_to_those_who_see_the_job_and_by_no_other_code(dashboard: DashboardUnderTest) -> None:
    installation = dashboard.installation
    named = (await installation.upload(picture(32, 32))).json()["code"]
    other = (await installation.upload(picture(33, 33))).json()["code"]
    code = await installation.job(params={"image": named})
    bo = await installation.key_for("bo")

    async def status(path: str, **headers: str) -> int:
        return (await installation.http.get(f"/jobs/{code}/inputs/{path}", headers=headers)).status_code

    assert await status(named) == HTTPStatus.TEMPORARY_REDIRECT
    assert await status(f"{named}/small") == HTTPStatus.OK
    assert await status(other) == HTTPStatus.NOT_FOUND
    assert await status(named, **bo) == HTTPStatus.NOT_FOUND
    assert await status(f"{named}/small", **bo) == HTTPStatus.NOT_FOUND
    assert await status("file_nothing") == HTTPStatus.NOT_FOUND


async def test_results_that_could_not_be_moved_are_said_to_exist_at_the_provider(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await dashboard.installation.job()
    await dashboard.installation.push(code, *GENERATED)
    error = JobError(code="output_refused", message="The link does not work (HTTP 404).", stage=Stage.MIGRATE)
    await dashboard.installation.dependencies.records.gate.advance(code, JobStatus.FAILED, error=error)
    failed = await dashboard.installation.job()
    await dashboard.installation.push(failed, JobStatus.SUBMITTED, JobStatus.FAILED)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    await visitor.open(f"/jobs/{code}")
    await expect(visitor.page.locator("#missing")).to_contain_text("exist at the provider, but could not be moved")
    await expect(visitor.page.locator("#missing")).to_contain_text("Their links die about")
    await expect(visitor.page.locator("#status")).to_contain_text("(HTTP 404)")

    await visitor.open(f"/jobs/{failed}")
    await expect(visitor.page.locator("#missing")).to_have_text("The provider has made no results. Why is said above.")


@pytest.mark.parametrize(
    ("status", "minutes_ago", "moved", "held", "expected"),
    [
        (JobStatus.FAILED, 10, 0, 0, ("results.not_moved", False)),
        (JobStatus.FAILED, 70, 0, 0, ("results.not_moved", True)),
        (JobStatus.TIMEOUT, 10, 1, 0, ("results.some_moved", False)),
        (JobStatus.TIMEOUT, None, 0, 2, ("results.nobody_knows", False)),
        (JobStatus.CANCELED, None, 0, 0, ("results.canceled", False)),
        (JobStatus.FAILED, None, 1, 0, None),
        (JobStatus.PROCESSING, None, 0, 0, None),
        (JobStatus.SUCCESS, 10, 0, 0, None),
    ],
)
def test_why_there_are_no_results(
    status: JobStatus, minutes_ago: int | None, moved: int, held: int, expected: tuple[str, bool] | None
) -> None:
    at = now()
    made = None if minutes_ago is None else at - timedelta(minutes=minutes_ago)
    job = JobRow(code="job_1", user_id="ada", points=2, job_status=status, generated_at=made)
    job.asyn = True
    sheet = Capabilities(
        cancel=True,
        webhook=True,
        reconcile_window=None,
        unit_progress=False,
        link_lifetime=timedelta(hours=1),
        docs_url="https://example.com",
    )

    missing = missing_results(job, sheet, count=moved, is_held=bool(held), at=at)

    assert ((missing.why, missing.is_over) if missing else None) == expected
