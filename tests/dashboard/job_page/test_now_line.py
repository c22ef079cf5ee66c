"""What a job does or waits for: on its page, and what may be charged on Points and Overview, over the whole stack."""

from pathlib import Path

from playwright.async_api import expect

from aijobs.domain.jobs.running_step import Answer, RunningStep
from aijobs.domain.lifecycle import JobStatus
from sandbox.config import Pace
from tests.dashboard.conftest import OpenVisitor
from tests.stories.stack import StoryStack, running_stack
from workflows.client import TemporalJobEngine

LONG_WAIT = 60_000
NEVER = Pace(queue_seconds=0, work_seconds=600)


async def test_the_next_question_and_the_last_answer_are_told(tmp_path: Path, open_visitor: OpenVisitor) -> None:
    async with running_stack(tmp_path, pace=NEVER) as stack:
        visitor = await open_visitor(_url(stack), key=(tmp_path / "key").read_text().strip())
        code = await stack.submit(user="ada")
        await stack.until(code, JobStatus.PROCESSING)

        await visitor.open(f"/jobs/{code}")

        now = visitor.page.locator("#waiting")
        await expect(now).to_contain_text("The provider works on it")
        for fact in ("Next question", "Gives up", "deadline: Processing", "Last answer"):
            await expect(now).to_contain_text(fact)
        await expect(now.locator("time[data-said]").first).to_be_visible()
        engine = TemporalJobEngine(stack.temporal_client)
        step = await _answered(engine, code)
        assert step.name == "watch"
        assert step.answer is not None
        assert step.answer == Answer(status=JobStatus.PROCESSING, unit=step.answer.unit)
        assert await engine.step_of("job_00000000000000000000000000") is None


async def test_a_lost_answer_is_listed_at_once_until_the_job_is_found(
    tmp_path: Path, open_visitor: OpenVisitor
) -> None:
    async with running_stack(tmp_path, pace=NEVER) as stack:
        visitor = await open_visitor(_url(stack), key=(tmp_path / "key").read_text().strip())
        stack.sandbox.misbehave("server_error", on="list", times=0)
        stack.sandbox.misbehave("accept_then_drop", on="create")
        code = await stack.submit(user="ada")
        await stack.until(code, JobStatus.SUBMITTED)

        await visitor.open(f"/jobs/{code}")
        now = visitor.page.locator("#waiting")
        await expect(now).to_have_class("now warning", timeout=LONG_WAIT)
        for fact in ("answer was lost", "may be charged", "never sent as a second one", "Looked for until"):
            await expect(now).to_contain_text(fact)
        await expect(now).to_contain_text("provider_unavailable", timeout=LONG_WAIT)
        listed = visitor.page.locator("#lost-answers")
        await visitor.open("/money?user=bo")
        await expect(listed).to_have_count(0)
        for path in ("/", "/money"):
            await visitor.open(path)
            await expect(listed.locator(f"a[href='/jobs/{code}']")).to_be_visible()

        await listed.get_by_role("link").click()
        await visitor.page.evaluate("window.untouched = true")
        stack.sandbox.behave()
        step = visitor.page.locator(".track [aria-current=step]")
        await expect(step).to_contain_text("Processing", timeout=LONG_WAIT)
        await expect(now).to_have_class("now waits")
        assert await visitor.page.evaluate("window.untouched")
        await visitor.open("/money")
        await expect(listed).to_have_count(0)
        assert stack.paid_submits() == 1


def _url(stack: StoryStack) -> str:
    return str(stack.api.base_url).rstrip("/")


async def _answered(engine: TemporalJobEngine, code: str) -> RunningStep:
    """The step of a job, as soon as its provider has answered without news."""
    while True:
        step = await engine.step_of(code)
        if step is not None and step.answer is not None:
            return step
