"""The review of a document in a browser: its place shown, values corrected by the keyboard, and the table accepted."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from playwright.async_api import Page, expect
from reportlab.pdfgen.canvas import Canvas

from tests.adapters.documents.texts.pages import drawn_pdf
from tests.dashboard.accessibility import accessibility_violations
from tests.dashboard.conftest import OpenVisitor
from tests.stories.stack import StoryStack, running_stack

SECONDS: Final = 60_000
TEMPLATE: Final[dict[str, Any]] = {
    "name": "Orders",
    "prompt": "阶段1 read\n阶段2 write JSON",
    "columns": [
        {"name": "Order", "required": True},
        {"name": "Day", "type": "date"},
        {"name": "Amount", "type": "number", "maximum": 1000},
        {"name": "Paid", "type": "boolean"},
    ],
    "review": "marked",
}


def order(canvas: Canvas) -> None:
    for index, line in enumerate(("Order: A-17", "Day: 2026-11-03", "Amount: 1,250.50", "Paid: yes")):
        canvas.drawString(80, 700 - 20 * index, line)


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoryStack]:
    async with running_stack(tmp_path_factory.mktemp("review")) as stack:
        stack.sandbox.pace(queue_seconds=0, work_seconds=0)
        (await stack.api.put("/api/templates/orders", json=TEMPLATE)).raise_for_status()
        yield stack


async def read_document(stack: StoryStack, name: str, content: bytes) -> str:
    """The code of its job, once it has succeeded."""
    answer = await stack.api.post(
        "/api/template/upload-template",
        files={"file": (name, content)},
        data={"templateId": "orders"},
        headers={"Aijobs-User": "ada"},
    )
    code: str = answer.json()["data"]["taskId"]
    assert (await stack.statuses(code))[-1] == "SUCCESS"
    return code


async def reviewed_row(stack: StoryStack, code: str) -> dict[str, Any]:
    (row,) = (await stack.api.get("/api/templates/orders/rows", params={"source": code, "expand": "sources"})).json()[
        "data"
    ]
    return dict(row)


def value_of(page: Page, column: str) -> Any:
    return page.get_by_label(column, exact=True)


async def test_a_clerk_reviews_a_document_by_the_keyboard(stack: StoryStack, open_visitor: OpenVisitor) -> None:
    code = await read_document(stack, "order.pdf", drawn_pdf(order, lambda canvas: canvas.drawString(80, 700, "end")))
    key = stack.api.headers["Authorization"].removeprefix("Bearer ")
    visitor = await open_visitor(str(stack.api.base_url).rstrip("/"), key=key)
    page = visitor.page

    await visitor.open("/documents")
    await page.get_by_role("link", name="needs review").click()
    await expect(value_of(page, "Amount")).to_be_focused()
    await expect(page.locator(".sheets figure")).to_have_count(2)
    box = page.locator(".sheets figure").first.locator(".box")
    await expect(box).to_be_visible(timeout=SECONDS)
    place, sheet = await box.bounding_box(), await page.locator(".sheets img").first.bounding_box()
    assert await accessibility_violations(page) == ""
    await page.keyboard.press("Enter")
    await expect(page.locator(".tally strong")).to_have_text("0")
    await value_of(page, "Order").fill("A-18")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_url(f"**/jobs/{code}")

    assert place is not None
    assert sheet is not None
    middle = (place["y"] + place["height"] / 2 - sheet["y"]) / sheet["height"]
    assert middle == pytest.approx((842 - 660) / 842, abs=0.02)
    row = await reviewed_row(stack, code)
    assert (row["values"]["Order"], row["values"]["Amount"]) == ("A-18", 1250.5)
    assert (row["sources"]["Order"]["marks"], row["sources"]["Amount"]["confirmed"]) == (["changed"], True)
    assert (await stack.job(code))["needs_review"] is False
    assert visitor.console_errors == []


async def test_a_text_shows_the_passage_and_a_wrong_value_is_said_beside_it(
    stack: StoryStack, open_visitor: OpenVisitor
) -> None:
    code = await read_document(stack, "order.txt", b"Order: A-17\nDay: 2026-11-03\nAmount: 1,250.50\nPaid: yes\n")
    key = stack.api.headers["Authorization"].removeprefix("Bearer ")
    visitor = await open_visitor(str(stack.api.base_url).rstrip("/"), key=key)
    page = visitor.page

    await visitor.open(f"/documents/{code}/review")
    await value_of(page, "Day").focus()
    await expect(page.locator(".said mark")).to_have_text("2026-11-03")
    await value_of(page, "Day").fill("tomorrow")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Must be a date")).to_be_visible()
    await expect(value_of(page, "Day")).to_have_value("tomorrow")
    await value_of(page, "Day").fill("2026-11-04")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Changes: 1")).to_be_visible()

    row = await reviewed_row(stack, code)
    assert row["values"]["Day"] == "2026-11-04"
    assert (await stack.job(code))["needs_review"] is True
