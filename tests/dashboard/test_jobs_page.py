"""The list of jobs: search, filters, pages, live updates."""

import asyncio

from playwright.async_api import expect

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest


async def test_a_row_goes_on_with_its_job_without_a_reload(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    code = await dashboard.installation.job()
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/jobs")
    await visitor.page.evaluate("window.untouched = true")
    row = visitor.page.locator(f"#{code}")
    await expect(visitor.page.locator("#connection")).to_have_text("Live")

    await dashboard.installation.push(code, JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING)
    await expect(row).to_contain_text("Processing")
    await _advance_to(dashboard, code, 40.0)
    await expect(row.locator("progress")).to_have_attribute("value", "56.67")
    await dashboard.installation.push(code, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)

    await expect(row).to_contain_text("Success")
    assert await visitor.page.evaluate("window.untouched")
    assert visitor.console_errors == []


async def test_many_events_mean_at_most_four_repaints_a_second(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    codes = [await dashboard.installation.job() for _ in range(8)]
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/jobs")
    await expect(visitor.page.locator("#connection")).to_have_text("Live")
    repaints: list[str] = []
    visitor.page.on("request", lambda request: repaints.append(request.url) if "/jobs/rows" in request.url else None)
    began = await visitor.page.evaluate("performance.now()")

    for status in (JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.FAILED):
        for code in codes:
            await dashboard.installation.push(code, status)
    for code in codes:
        await expect(visitor.page.locator(f"#{code}")).to_contain_text("Failed")

    seconds = (await visitor.page.evaluate("performance.now()") - began) / 1000
    assert 0 < len(repaints) <= 4 * seconds + 2


async def test_jobs_are_found_by_their_status_their_user_and_what_is_said_of_them(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    holidays = await dashboard.installation.job("ada", metadata={"album": "海边 holidays 100%"})
    work = await dashboard.installation.job("bo", metadata={"album": "work"})
    await dashboard.installation.push(work, JobStatus.SUBMITTED, JobStatus.FAILED)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    for query, found, missing in [
        ("q=holidays", holidays, work),
        ("q=海边", holidays, work),
        ("q=100%25", holidays, work),
        (f"q={work}", work, holidays),
        ("user=bo", work, holidays),
        ("status=7", work, holidays),
        ("status=failed", work, holidays),
        ("model=replicate_imageupscale_v1&status=0", holidays, work),
        ("after=2020-01-01&status=7", work, holidays),
    ]:
        await visitor.open(f"/jobs?{query}")
        await expect(visitor.page.locator(f"#{found}")).to_be_visible()
        await expect(visitor.page.locator(f"#{missing}")).to_have_count(0)
    for query in ("before=2020-01-01", "before=0001-01-01", "after=9999-12-31"):
        await visitor.open(f"/jobs?{query}")
        await expect(visitor.page.get_by_text("No jobs match.")).to_be_visible()


async def test_the_form_filters_by_keyboard_alone(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    matching = await dashboard.installation.job("ada", metadata={"album": "holidays"})
    other = await dashboard.installation.job("ada")
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/jobs")

    await visitor.page.get_by_label("Search").focus()
    await visitor.page.keyboard.type("holidays")
    await visitor.page.keyboard.press("Enter")

    await expect(visitor.page.locator(f"#{matching}")).to_be_visible()
    await expect(visitor.page.locator(f"#{other}")).to_have_count(0)


async def test_fifty_jobs_make_a_page_and_none_is_left_out(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    codes = [await dashboard.installation.job(f"user {number % 9}") for number in range(60)]
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    await visitor.open("/jobs")
    first = await visitor.page.locator("#rows > tr").evaluate_all("rows => rows.map(row => row.id)")
    await visitor.page.get_by_role("link", name="Next page").click()
    await expect(visitor.page.locator("#rows > tr")).to_have_count(10)
    second = await visitor.page.locator("#rows > tr").evaluate_all("rows => rows.map(row => row.id)")

    assert first + second == list(reversed(codes))


async def test_the_list_and_its_address_follow_the_filters_without_a_button(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    failed, waiting = await dashboard.installation.job("ada"), await dashboard.installation.job("bo")
    error = JobError(code="provider_busy", message="No room on the line.", stage=Stage.SUBMIT)
    await dashboard.installation.dependencies.records.gate.advance(failed, JobStatus.FAILED, error=error)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page = visitor.page
    await visitor.open("/jobs")
    await expect(page.locator(f"#{failed}")).to_contain_text("No room on the line.")
    await expect(page.get_by_text("2 jobs")).to_be_visible()

    await page.get_by_label("Search").type("room on")
    await expect(page.locator(f"#{waiting}")).to_have_count(0)
    await expect(page.get_by_text("1 job", exact=True)).to_be_visible()
    await expect(page).to_have_url(f"{dashboard.url}/jobs?q=room+on")
    await page.get_by_label("Time", exact=True).select_option("24h")
    await expect(page).to_have_url(f"{dashboard.url}/jobs?q=room+on&period=24h")
    await page.reload()
    await expect(page.get_by_label("Search")).to_have_value("room on")
    await expect(page.locator("#rows > tr")).to_have_count(1)

    await page.get_by_role("link", name="Clear", exact=True).click()
    await page.get_by_text("More filters").click()
    await page.get_by_label("Error code").fill("no_such_error")
    await expect(page.get_by_text("No jobs match.")).to_be_visible()
    await page.get_by_label("Error code").fill("provider_busy")
    await expect(page.locator("#rows > tr")).to_have_count(1)
    await expect(page.locator(f"#{failed}")).to_be_visible()
    assert visitor.console_errors == []


async def test_pages_go_back_too_and_either_end_may_come_first(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    codes = [await dashboard.installation.job(f"user {number % 9}") for number in range(101)]
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    shown = visitor.page.locator("#rows > tr")

    async def rows() -> list[str]:
        found: list[str] = await shown.evaluate_all("rows => rows.map(row => row.id)")
        return found

    async def turn(name: str, count: int) -> list[str]:
        before = (await rows())[0]
        await visitor.page.get_by_role("link", name=name).click()
        await expect(shown.first).not_to_have_id(before)
        await expect(shown).to_have_count(count)
        return await rows()

    for path, order in (("/jobs", codes[::-1]), ("/jobs?sort=oldest", codes)):
        await visitor.open(path)
        first, second, third = await rows(), await turn("Next page", 50), await turn("Next page", 1)
        assert first + second + third == order
        assert await turn("Previous page", 50) == second
        assert await turn("Previous page", 50) == first
        await expect(visitor.page.get_by_role("link", name="Previous page")).to_have_count(0)
        assert await turn("Next page", 50) == second
    await visitor.page.get_by_role("link", name="Created").click()
    await expect(shown.first).to_have_id(codes[-1])


async def test_columns_are_chosen_and_kept(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    code = await dashboard.installation.job("ada", metadata={"album": "holidays"})
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/jobs?model=replicate_imageupscale_v1")

    await visitor.page.locator("summary", has_text="Columns").click()
    await visitor.page.get_by_label("Metadata").last.check()
    await visitor.page.get_by_label("Generation").uncheck()
    await visitor.page.get_by_role("button", name="Show these").click()

    await expect(visitor.page.locator(f"#{code}")).to_contain_text("holidays")
    await expect(visitor.page.locator(f"#{code} .c-took")).to_have_count(0)
    await expect(visitor.page).to_have_url(f"{dashboard.url}/jobs?model=replicate_imageupscale_v1")
    await visitor.page.reload()
    await expect(visitor.page.locator(f"#{code} .c-metadata")).to_be_visible()


async def test_a_row_is_a_link_and_its_code_is_copied(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    code = await dashboard.installation.job("ada")
    visitor = await open_visitor(dashboard.url, key=dashboard.key, permissions=["clipboard-read", "clipboard-write"])
    await visitor.open("/jobs")

    await visitor.page.get_by_role("button", name=f"Copy {code}").click()
    assert await visitor.page.evaluate("navigator.clipboard.readText()") == code
    time = visitor.page.locator(f"#{code} time")
    await expect(time).to_contain_text("ago")
    assert "UTC" in (await time.get_attribute("title") or "")
    await visitor.page.locator(f"#{code} .c-model").click(force=True)  # the link lies over the whole row

    await expect(visitor.page).to_have_url(f"{dashboard.url}/jobs/{code}")


async def test_without_a_script_the_filters_have_a_button(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    kept, other = await dashboard.installation.job("ada"), await dashboard.installation.job("bo")
    visitor = await open_visitor(dashboard.url, key=dashboard.key, java_script_enabled=False)
    await visitor.open("/jobs")

    await visitor.page.get_by_label("User", exact=True).first.fill("ada")
    await visitor.page.get_by_role("button", name="Apply").click()

    await expect(visitor.page.locator(f"#{kept}")).to_be_visible()
    await expect(visitor.page.locator(f"#{other}")).to_have_count(0)


async def test_new_jobs_are_announced_and_wait_to_be_shown(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    await dashboard.installation.job()
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/jobs")

    new = await dashboard.installation.job()
    await visitor.page.get_by_role("link", name="1 new").click(timeout=15_000)

    await expect(visitor.page.locator(f"#{new}")).to_be_visible()


async def test_a_users_key_shows_that_users_jobs_only(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    own, foreign = await dashboard.installation.job("ada"), await dashboard.installation.job("bo")
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))

    await visitor.open("/jobs?user=bo")
    await expect(visitor.page.locator(f"#{own}")).to_be_visible()
    await expect(visitor.page.locator(f"#{foreign}")).to_have_count(0)

    rows = await visitor.page.request.get(f"{dashboard.url}/jobs/rows?code={own}&code={foreign}")
    assert own in await rows.text()
    assert foreign not in await rows.text()
    assert (await visitor.page.request.get(f"{dashboard.url}/jobs/{foreign}")).status == 404


async def _advance_to(dashboard: DashboardUnderTest, code: str, unit: float) -> None:
    """Like the polling activity. The gate accepts two steps a second, so it repeats until this one is accepted."""
    installation = dashboard.installation
    while (await installation.http.get(f"/api/jobs/{code}")).json()["unit_progress"] != unit:
        await installation.dependencies.records.gate.progress(code, JobStatus.PROCESSING, unit)
        await asyncio.sleep(0.1)
