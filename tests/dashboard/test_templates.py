"""Templates in a browser: shown, previewed, saved as versions, deleted; and their extracted rows."""

from typing import Any, Final

import pytest
from playwright.async_api import expect

from tests.adapters.documents.makers import workbook
from tests.api.templates import ORDERS
from tests.dashboard.accessibility import accessibility_violations
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

NARROW: Final = {"width": 390, "height": 844}
HOSTILE: Final = '<img src=x onerror="window.owned=1">{{7*7}}'


async def test_a_template_is_tried_saved_and_deleted(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page = visitor.page
    await visitor.open("/templates")
    await page.get_by_role("link", name="New template").click()
    await page.get_by_label("Id", exact=True).fill("orders")
    await page.get_by_label("Name", exact=True).fill("Orders")
    await page.get_by_label("Prompt", exact=True).fill("阶段2 check\n阶段1 read\n阶段12 too much")
    await page.get_by_label("Columns", exact=True).fill("订单号 : string : required\n金额：number")

    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("heading", name="2 stages")).to_be_visible()
    await expect(page.get_by_text("not in order")).to_be_visible()
    await expect(page.get_by_text("Dropped, since 10")).to_be_visible()
    assert (await dashboard.installation.http.get("/api/templates/orders")).status_code == 404
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Orders")
    saved = (await dashboard.installation.http.get("/api/templates/orders")).json()
    await page.get_by_text("Delete …").click()
    await page.get_by_role("button", name="Yes, delete it").click()

    await expect(page.get_by_text("No templates yet.")).to_be_visible()
    assert saved["prompt"] == "阶段2 check\n阶段1 read\n阶段12 too much"
    assert [(column["name"], column["type"], column["required"]) for column in saved["columns"]] == [
        ("订单号", "string", True),
        ("金额", "number", False),
    ]
    assert visitor.console_errors == []


async def test_each_change_is_a_version_and_what_has_not_changed_is_none(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key, java_script_enabled=False)
    prompt = "\n阶段1 read\n\n阶段2 </textarea>write JSON\n"
    columns: list[dict[str, Any]] = [
        {"name": "a : b", "type": "date", "minimum": "2026-01-01"},
        {"name": "c", "required": True, "one_of": ["x|y", "z"], "unique": True, "pattern": r"\S+ ?~?"},
        {"name": "c d", "type": "number", "sum_equals": "total per day", "sum_per": "a : b", "maximum": 2.5},
        {"name": "total per day", "type": "number"},
    ]
    stages = {"identifiers": ["阶段1", "阶段2, then"], "strict_order": False, "max_stages": 7}
    layout = {"header_row": 2, "first_data_row": 4, "sheet": "Orders <2026>", "max_cost": 0.25, "part_tokens": 4000}
    definition = {**ORDERS, **layout, "prompt": prompt, "columns": columns, "stages": stages}
    (await dashboard.installation.http.put("/api/templates/orders", json=definition)).raise_for_status()
    await visitor.open("/templates/orders/edit")

    await visitor.page.get_by_role("button", name="Save").click()
    await expect(visitor.page.get_by_text("version 2")).to_have_count(0)
    await visitor.page.get_by_role("link", name="Edit").click()
    await visitor.page.get_by_label("Name", exact=True).fill("Orders of today")
    await visitor.page.get_by_role("button", name="Save").click()
    await visitor.page.get_by_role("link", name="version 1").click()

    await expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Orders")
    newest = (await dashboard.installation.http.get("/api/templates/orders")).json()
    assert (newest["version"], newest["name"], newest["prompt"]) == (2, "Orders of today", prompt)
    kept = [{name: column[name] for name in sent} for sent, column in zip(columns, newest["columns"], strict=True)]
    assert kept == columns
    assert newest["stages"]["identifiers"] == stages["identifiers"]
    assert (newest["stages"]["strict_order"], newest["stages"]["max_stages"]) == (False, 7)
    assert {name: newest[name] for name in layout} == layout


async def test_each_field_says_what_is_wrong_with_it(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page = visitor.page
    (await dashboard.installation.http.put("/api/templates/taken", json=ORDERS)).raise_for_status()
    await visitor.open("/new/template")
    await page.get_by_label("Columns", exact=True).fill("a : string\n\nb : nubmer")
    await page.get_by_label("Pattern", exact=True).fill("((")
    await page.get_by_label("Cost limit per document").fill("about 5")

    await page.get_by_role("button", name="Preview").click()

    await expect(page.get_by_text("Line 3 (b : nubmer): Input should be 'string'")).to_be_visible()
    await expect(page.get_by_text("This is no regular expression")).to_be_visible()
    await expect(page.locator("[aria-invalid=true]")).to_have_count(5)
    await page.get_by_label("Cost limit per document").fill("")
    await page.get_by_label("Id", exact=True).fill("taken")
    await page.get_by_label("Name", exact=True).fill("New")
    await page.get_by_label("Prompt", exact=True).fill("阶段1 read")
    await page.get_by_label("Columns", exact=True).fill("a")
    await page.get_by_label("Pattern", exact=True).fill("")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("There is a template of this id already.")).to_be_visible()


async def test_a_users_key_sees_columns_and_rows_but_no_prompt(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    (await dashboard.installation.http.put("/api/templates/orders", json=ORDERS)).raise_for_status()
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))
    await visitor.open("/templates")

    await expect(visitor.page.get_by_role("cell", name="订单号, 金额")).to_be_visible()
    await expect(visitor.page.get_by_role("link", name="New template")).to_have_count(0)
    await visitor.page.get_by_role("link", name="Orders").click()
    await expect(visitor.page).to_have_url(f"{dashboard.url}/templates/orders/rows")
    for path in ("/templates/orders", "/templates/orders/edit", "/templates/orders?version=1"):
        assert (await visitor.page.request.get(f"{dashboard.url}{path}")).status == 403, path


async def test_rows_are_those_of_ones_own(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    (await dashboard.installation.http.put("/api/templates/orders", json=ORDERS)).raise_for_status()
    for user in ("ada", "bo"):
        sent = await dashboard.installation.http.post(
            "/api/template/upload-template",
            files={"file": ("orders.xlsx", workbook([["订单号"], [f"{user}'s order"]]))},
            data={"templateId": "orders"},
            headers={"Aijobs-User": user},
        )
        assert sent.json()["data"]["completed"]
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))

    await visitor.open("/templates/orders/rows")

    await expect(visitor.page.get_by_role("region", name="Table")).to_contain_text("ada's order")
    await expect(visitor.page.get_by_text("bo's order")).to_have_count(0)


@pytest.mark.parametrize(("theme", "locale", "size"), [("light", "en-GB", None), ("dark", "zh-CN", NARROW)])
async def test_every_page_is_accessible_complete_and_safe(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor, theme: str, locale: str, size: Any
) -> None:
    hostile = {**ORDERS, "name": HOSTILE, "prompt": f"阶段1 {HOSTILE}", "columns": [{"name": HOSTILE}]}
    (await dashboard.installation.http.put("/api/templates/orders", json=hostile)).raise_for_status()
    more = {"viewport": size} if size else {}
    visitor = await open_visitor(dashboard.url, key=dashboard.key, color_scheme=theme, locale=locale, **more)
    pages = ("/documents", "/templates", "/templates/orders", "/templates/orders/edit", "/new/template")

    for path in (*pages, "/templates/orders/rows"):
        await visitor.open(path)
        assert await accessibility_violations(visitor.page) == "", path
        assert await visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        assert await visitor.page.evaluate("window.owned") is None, path

    assert visitor.console_errors == []
