"""Documents in a browser, over the whole stack: uploaded, followed live, and read as a table."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Page, expect

from tests.adapters.documents.makers import workbook
from tests.api.templates import ORDERS
from tests.dashboard.accessibility import accessibility_violations
from tests.dashboard.conftest import OpenVisitor
from tests.stories.stack import StoryStack, running_stack

CONTRACT: Final = Path(__file__).parents[2] / "cli" / "samples" / "sample.txt"
SECONDS: Final = 60_000


@pytest.fixture(scope="module")
async def documents_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("office")) as stack:
        stack.sandbox.pace(queue_seconds=0, work_seconds=0.8)
        (await stack.api.put("/api/templates/orders", json=ORDERS)).raise_for_status()
        yield stack


@pytest.fixture
async def stack(documents_stack: StoryStack) -> StoryStack:
    documents_stack.sandbox.behave()
    return documents_stack


def url_of(stack: StoryStack) -> str:
    return str(stack.api.base_url).rstrip("/")


def key_of(stack: StoryStack) -> str:
    return stack.api.headers["Authorization"].removeprefix("Bearer ")


async def upload_document(
    page: Page, stack: StoryStack, file: Path | dict[str, Any] = CONTRACT, *, template: str
) -> None:
    await page.goto(f"{url_of(stack)}/documents?template={template}")
    await page.get_by_role("textbox", name="User").first.fill("ada")
    await page.get_by_label("Drop a document here").set_input_files(file)  # type: ignore[arg-type]
    await page.get_by_role("button", name="Submit").click()


def excel(*rows: list[object], name: str = "orders.xlsx") -> dict[str, Any]:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": workbook(rows)}


async def test_what_a_document_will_cost_is_said_and_nothing_begins(
    stack: StoryStack, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(url_of(stack), key=key_of(stack))
    page = visitor.page
    await page.goto(f"{url_of(stack)}/documents?template=contract_zh")
    await page.get_by_role("textbox", name="User").first.fill("ada")
    await page.get_by_label("Drop a document here").set_input_files(CONTRACT)

    await page.get_by_role("button", name="Estimate the cost").click()

    await expect(page.locator("#estimate")).to_contain_text("tokens in 4 answers")
    await page.get_by_label("Drop a document here").set_input_files(
        {"name": "a.doc", "mimeType": "application/msword", "buffer": b"x"}
    )
    await page.get_by_role("button", name="Estimate the cost").click()
    await expect(page.locator("#estimate")).to_contain_text("Save it as .docx")
    assert page.url.endswith("/documents?template=contract_zh")
    assert (await stack.api.get("/api/jobs", params={"model": "document_extract_v1"})).json()["data"] == []


async def test_a_contract_becomes_a_table_before_ones_eyes(stack: StoryStack, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(url_of(stack), key=key_of(stack))
    page = visitor.page
    stage = page.locator(".stage-way [aria-current=step]")

    await upload_document(page, stack, template="contract_zh")
    await page.wait_for_url("**/jobs/job_*")
    await page.evaluate("window.untouched = true")
    await expect(page.get_by_role("heading", name="sample.txt")).to_be_visible()
    await expect(stage).to_contain_text("阶段 2", timeout=SECONDS)
    await expect(stage).to_contain_text("阶段 4", timeout=SECONDS)
    table = page.get_by_role("region", name="Table")
    await expect(table).to_contain_text("HT-2026-0317", timeout=SECONDS)

    await expect(table.get_by_role("columnheader", name="合同编号")).to_be_visible()
    await expect(page.locator(".stage-way .passed")).to_have_count(4)
    assert await page.evaluate("window.untouched"), "it came live"
    await expect(page.get_by_text("Run again")).to_be_visible()
    await expect(page.get_by_text("Fetch the results again")).to_have_count(0)
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="CSV").click()
    assert "HT-2026-0317" in (await (await downloading.value).path()).read_text("utf-8-sig")
    assert await accessibility_violations(page) == ""
    assert visitor.console_errors == []


async def test_the_list_tells_the_stage_of_each_document_live(stack: StoryStack, open_visitor: OpenVisitor) -> None:
    stack.sandbox.misbehave("answer_seconds", arg="3", times=2)
    visitor = await open_visitor(url_of(stack), key=key_of(stack))
    await upload_document(visitor.page, stack, template="contract_zh")
    await visitor.page.wait_for_url("**/jobs/job_*")
    code = visitor.page.url.rpartition("/")[2]

    await visitor.open("/documents")
    await visitor.page.evaluate("window.untouched = true")
    line = visitor.page.locator(f"#{code}")
    await expect(line).to_contain_text("stage 2 of 4", timeout=SECONDS)
    await expect(line).to_contain_text("Success", timeout=SECONDS)

    await expect(line).to_contain_text("sample.txt")
    assert await visitor.page.evaluate("window.untouched"), "it came live"
    assert visitor.console_errors == []


async def test_a_workbook_shows_its_rows_at_once(stack: StoryStack, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(url_of(stack), key=key_of(stack))
    rows: list[list[object]] = [[f"A-{number}", number * 1.5] for number in range(1, 61)]

    await upload_document(visitor.page, stack, excel(["订单号", "金额"], *rows), template="orders")
    await visitor.page.wait_for_url("**/templates/orders/rows?source=table_*")

    table = visitor.page.get_by_role("region", name="Table")
    await expect(table.get_by_role("row")).to_have_count(51)
    await visitor.page.get_by_role("link", name="Next page").click()
    await expect(table.get_by_role("row")).to_have_count(11)
    await expect(table).to_contain_text("A-60")
    assert await accessibility_violations(visitor.page) == ""
    async with visitor.page.expect_download() as downloading:
        await visitor.page.get_by_role("link", name="Excel").click()
    assert (await (await downloading.value).path()).read_bytes().startswith(b"PK")


async def test_what_is_wrong_with_a_table_is_said_above_the_form(stack: StoryStack, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(url_of(stack), key=key_of(stack))

    await upload_document(visitor.page, stack, excel(["订单号", "金额"], ["A-1", "much"]), template="orders")

    await expect(visitor.page.get_by_role("alert")).to_contain_text("Row 2, 金额")
    await expect(visitor.page.get_by_role("textbox", name="User").first).to_have_value("ada")


async def test_a_file_may_be_dropped_and_says_what_will_become_of_it(
    stack: StoryStack, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(url_of(stack), key=key_of(stack))
    await visitor.open("/documents")
    dropped = await visitor.page.evaluate_handle(
        "() => { const held = new DataTransfer(); held.items.add(new File(['x'], 'orders.xlsx')); return held; }"
    )

    await visitor.page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})

    await expect(visitor.page.get_by_role("status").get_by_text("orders.xlsx: a table")).to_be_visible()
    assert await visitor.page.locator("#file").evaluate("field => field.files[0].name") == "orders.xlsx"


async def test_a_mended_answer_is_marked(stack: StoryStack, open_visitor: OpenVisitor) -> None:
    stack.sandbox.misbehave("answer_malformed", times=0)
    visitor = await open_visitor(url_of(stack), key=key_of(stack))

    await upload_document(visitor.page, stack, template="contract_zh")

    await expect(visitor.page.get_by_text("was repaired: check these values")).to_be_visible(timeout=SECONDS)
    await expect(visitor.page.get_by_role("region", name="Table")).to_be_visible()


async def test_a_failed_document_says_why_and_in_which_stage(stack: StoryStack, open_visitor: OpenVisitor) -> None:
    stack.sandbox.misbehave("answer_prose", times=0)
    visitor = await open_visitor(url_of(stack), key=key_of(stack))

    await upload_document(visitor.page, stack, template="contract_zh")

    reason = visitor.page.get_by_role("note").get_by_text("is not the table that was asked for")
    await expect(reason).to_be_visible(timeout=SECONDS)
    await expect(visitor.page.locator(".stage-way .s-failed")).to_contain_text("阶段 4")
    await expect(visitor.page.get_by_role("region", name="Table")).to_have_count(0)
    assert await accessibility_violations(visitor.page) == ""


async def test_without_scripts_a_document_is_handed_in_and_read(stack: StoryStack, open_visitor: OpenVisitor) -> None:
    reader = await open_visitor(url_of(stack), key=key_of(stack), java_script_enabled=False)

    await upload_document(reader.page, stack, template="contract_zh")
    await reader.page.wait_for_url("**/jobs/job_*")
    await stack.statuses(reader.page.url.rpartition("/")[2])
    await reader.page.reload()

    await expect(reader.page.get_by_role("region", name="Table")).to_contain_text("HT-2026-0317")


async def test_the_example_page_uploads_and_follows(stack: StoryStack, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(url_of(stack), key=key_of(stack))
    await visitor.open("/example")
    await visitor.page.get_by_label("File").set_input_files(CONTRACT)
    await visitor.page.get_by_label("Template id").fill("contract_zh")
    await visitor.page.get_by_role("textbox", name="User").fill("ada")

    await visitor.page.get_by_role("button", name="Upload").click()

    await expect(visitor.page.locator("#messages")).to_contain_text("COMPLETE", timeout=SECONDS)
    await expect(visitor.page.locator("#bar")).to_have_attribute("value", "100")
    assert visitor.console_errors == []


async def test_a_form_sent_twice_makes_one_job(stack: StoryStack) -> None:
    form = {"templateId": "contract_zh", "user_id": "ada", "idempotency_key": "form_sent_twice"}
    made = [
        await stack.api.post("/documents", files={"file": ("合同.txt", CONTRACT.read_bytes())}, data=form)
        for _ in range(2)
    ]

    assert [response.status_code for response in made] == [303, 303]
    assert made[0].headers["Location"] == made[1].headers["Location"]


async def test_an_end_user_sees_the_stages_without_their_prompts(stack: StoryStack, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(url_of(stack))
    page = visitor.page
    signed_in = await page.request.post(f"{url_of(stack)}/api/sessions", data={"key": key_of(stack), "user_id": "ada"})
    assert signed_in.status == 204
    await visitor.open("/documents?template=contract_zh")

    await expect(page.get_by_role("textbox", name="User")).to_have_count(0)
    await page.get_by_label("Drop a document here").set_input_files(CONTRACT)
    await page.get_by_role("button", name="Submit").click()
    await expect(page.get_by_role("region", name="Table")).to_contain_text("HT-2026-0317", timeout=SECONDS)

    await expect(page.locator(".stage-way .name")).to_have_text(["Stage 1", "Stage 2", "Stage 3", "Stage 4"])
    await expect(page.get_by_role("link", name="合同信息提取")).to_have_count(0)
    assert visitor.console_errors == []
