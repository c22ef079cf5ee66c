"""The call of the form for a new job in curl, Python and TypeScript: as the page prints it, on the real stack."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from playwright.async_api import async_playwright, expect

from tests.clients.typescript.packages import CLIENT, needs_node
from tests.dashboard.installation import Visitor, started_browser, visiting
from tests.stories.stack import MIDJOURNEY, StoryStack, running_stack

#: What each of the three languages has to write in its own way.
PROMPT: Final = "a \"lighthouse\" 'at dusk',\n灯塔 \\ $HOME `date` ${x} {y} </script> 🌊"

TOMORROW: Final = datetime.now(UTC) + timedelta(days=1)

PYTHON_CLIENT: Final = Path(__file__).parents[2] / "clients" / "python"
TYPES: Final = CLIENT / "node_modules" / "@types"
COMPILER: Final = CLIENT / "node_modules" / ".bin" / "tsc"
OPTIONS: Final = ("--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck", "--types", "node")


@needs_node
async def test_all_three_make_the_job_that_the_form_would_have_made(tmp_path: Path) -> None:
    async with running_stack(tmp_path) as stack, async_playwright() as playwright:
        key = (tmp_path / "key").read_text().strip()
        browser = await started_browser(playwright)
        visitor = await visiting(await browser.new_context(), str(stack.api.base_url).rstrip("/"))
        await visitor.sign_in(key)
        await visitor.open(f"/new?model={MIDJOURNEY}&user=ada")
        await _fill(visitor)
        programs = {name: await _printed(visitor, name) for name in ("curl", "python", "typescript")}
        await visitor.page.get_by_role("tab", name="Form").click()
        await visitor.page.get_by_role("button", name="Submit").click()
        await visitor.page.wait_for_url("**/jobs/job_*")
        by_hand = await _asked_for(stack, visitor.page.url.rpartition("/")[2])
        assert visitor.console_errors == []
        await browser.close()

        codes = {name: await asyncio.to_thread(_run, name, text, key, tmp_path) for name, text in programs.items()}

        assert {name: await _asked_for(stack, code) for name, code in codes.items()} == dict.fromkeys(codes, by_hand)
        assert json.dumps(PROMPT.partition("\n")[2], ensure_ascii=False)[1:-1] in by_hand["vendor"]
        assert by_hand["metadata"] == {"album": '海边 "1"', "sandbox": "work_seconds=0.2"}
        assert by_hand["priority"] == 5
        assert str(by_hand["expires_at"]).startswith(f"{TOMORROW:%Y-%m-%dT%H:%M}")
        assert {(await stack.statuses(code))[-1] for code in codes.values()} == {"SUCCESS"}


async def _fill(visitor: Visitor) -> None:
    page = visitor.page
    await page.get_by_label("prompt required").fill(PROMPT)
    await page.get_by_label("mode", exact=True).select_option("turbo")
    await page.get_by_role("radio", name="16:9").check()
    await page.locator("[name='params.seed']").fill("42")
    await page.get_by_role("switch", name="translation").check()
    await page.get_by_text("Schedule").click()
    await page.get_by_label("Cancel if not started by").fill(f"{TOMORROW:%Y-%m-%dT%H:%M}")
    await page.get_by_text("More", exact=True).click()
    await page.get_by_label("Metadata").fill('album = 海边 "1"')
    await page.get_by_label("Priority").select_option("5")
    await page.get_by_text("Test mode").click()
    await page.get_by_label("Simulated fault").fill("work_seconds=0.2")
    await expect(page.locator("#code-curl")).to_contain_text("work_seconds=0.2")


async def _printed(visitor: Visitor, name: str) -> str:
    await visitor.page.locator(f"#tab-{name}").click()
    await expect(visitor.page.locator(f"#panel-{name}")).to_be_visible()
    printed: str = await visitor.page.locator(f"#code-{name}").evaluate("place => place.textContent")
    return printed


def _run(name: str, text: str, key: str, folder: Path) -> str:
    """The code of the job, which every program prints."""
    environment = {**os.environ, "AIJOBS_KEY": key, "PYTHONPATH": str(PYTHON_CLIENT)}
    done = subprocess.run(
        {"curl": _bash, "python": _python, "typescript": _compiled}[name](text, folder),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    at = done.stdout.index("job_")
    return done.stdout[at : at + len("job_06FNXQ3W9E8Y7ZKDRT2M5S4HBC")]


def _bash(text: str, folder: Path) -> list[str]:
    (folder / "call.sh").write_text(text, "utf-8")
    return ["bash", "call.sh"]


def _python(text: str, folder: Path) -> list[str]:
    (folder / "call.py").write_text(text, "utf-8")
    return [sys.executable, "call.py"]


def _compiled(text: str, folder: Path) -> list[str]:
    """With all checks of types."""
    (folder / "package.json").write_text('{"type": "module"}')
    modules = folder / "node_modules"
    modules.mkdir()
    (modules / "aijobs-client").symlink_to(CLIENT)
    (modules / "@types").symlink_to(TYPES)
    (folder / "call.ts").write_text(text, "utf-8")
    checked = subprocess.run(
        [COMPILER, *OPTIONS, "call.ts"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert checked.returncode == 0, f"{text}\n{checked.stdout}"
    return ["node", "call.js"]


async def _asked_for(stack: StoryStack, code: str) -> dict[str, Any]:
    """What was asked of us, and what was then asked of the vendor."""
    await stack.statuses(code)
    job = (await stack.api.get(f"/api/jobs/{code}", params={"expand": "exchange"})).raise_for_status().json()
    asked = {name: job[name] for name in ("model_id", "user_id", "metadata", "priority", "expires_at", "points")}
    sent = json.dumps(job["req_json"], ensure_ascii=False)
    return {**asked, "vendor": sent.replace(code, "job_…")}
