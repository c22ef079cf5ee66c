"""The pages of webhooks, in a browser: endpoints, deliveries, sending again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import expect

from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.scopes import Scope
from aijobs.domain.webhooks import WebhookReply
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from tests.dashboard.accessibility import accessibility_violations
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

URL = "https://example.com/hook?<b>"


async def endpoint(dashboard: DashboardUnderTest, **more: Any) -> str:
    answer = await dashboard.installation.http.post("/api/webhook-endpoints", json={"url": URL, **more})
    return str(answer.raise_for_status().json()["id"])


async def noted(
    dashboard: DashboardUnderTest, delivery: str, reply: WebhookReply, *, next_in: timedelta | None
) -> None:
    outbox = DatabaseDeliveries(dashboard.installation.dependencies.database, disable_after=timedelta(days=5))
    await outbox.note_try(delivery, reply, next_try_at=datetime.now(UTC) + next_in if next_in else None)


async def test_an_endpoint_is_added_tested_paused_changed_rotated_and_deleted(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page = visitor.page
    await visitor.open("/webhooks")
    form = page.get_by_role("region", name="Add an endpoint")
    await form.get_by_label("URL").fill(URL)
    await form.get_by_label("points.alert").check()
    await form.get_by_role("button", name="Add the endpoint").click()
    first = await page.locator(".secret").inner_text()
    assert first.startswith("whsec_")
    assert await accessibility_violations(page) == ""

    await page.get_by_role("link", name="I have kept it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(URL)
    own = page.url
    assert first not in await page.content()
    await page.get_by_role("button", name="Send a test event").click()
    await expect(page.get_by_text("It has not been tried yet.")).to_be_visible()
    await noted(dashboard, page.url.rpartition("/")[2], WebhookReply(status=204), next_in=None)
    await expect(page.get_by_role("region", name="Tries").get_by_text("HTTP 204")).to_be_visible()

    await page.goto(own)
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_text("This endpoint is paused.")).to_be_visible()
    await expect(page.get_by_role("button", name="Send a test event")).to_have_count(0)
    await page.get_by_role("button", name="Enable").click()

    await page.get_by_text("Edit …").click()
    await page.get_by_label("URL").fill(f"{URL}/2")
    await page.get_by_label("points.alert").uncheck()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"{URL}/2")

    await page.get_by_text("Rotate secret …").click()
    await page.get_by_role("button", name="Make the new secret").click()
    assert await page.locator(".secret").inner_text() != first
    await expect(page.get_by_text("Old secret signs until")).to_be_visible()

    await page.goto(own)
    await page.get_by_text("Delete …").click()
    await page.get_by_role("button", name="Delete the endpoint").click()
    await expect(page.get_by_text("No endpoint yet.")).to_be_visible()
    assert visitor.console_errors == []


async def test_what_failed_is_found_explained_and_sent_again(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    hook = await endpoint(dashboard)
    api = dashboard.installation
    jobs = [await api.job("ada") for _ in range(3)]
    for code in jobs:
        await api.push(code, JobStatus.FAILED)
    sent = (await api.http.get("/api/webhook-deliveries")).json()["data"]
    await noted(dashboard, sent[0]["id"], WebhookReply(error="No answer <b>"), next_in=None)
    await noted(dashboard, sent[1]["id"], WebhookReply(status=503), next_in=timedelta(hours=2))

    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    page = visitor.page
    await visitor.open(f"/webhooks/{hook}")
    await page.get_by_role("link", name="Failed").click()
    rows = page.get_by_role("region", name="Deliveries").locator("tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("No answer <b>")
    await page.get_by_role("link", name="Waiting").click()
    await expect(rows).to_have_count(2)
    await expect(rows.filter(has_text="HTTP 503").locator("time")).to_have_count(2)

    await page.get_by_label("Also those that wait").check()
    await page.get_by_role("button", name="Send failed messages again").click()
    await expect(page.get_by_text("Messages sent again: 2.")).to_be_visible()
    await page.get_by_role("button", name="Send failed messages again").click()
    await expect(page.get_by_text("Messages sent again: 0.")).to_be_visible()

    await visitor.open(f"/webhooks/deliveries/{sent[0]['id']}")
    await expect(page.get_by_role("group", name="Message")).to_contain_text(sent[0]["job_code"])
    await page.get_by_role("button", name="Send again").click()
    await expect(page.get_by_role("link", name=sent[0]["id"])).to_be_visible()
    assert visitor.console_errors == []


async def test_a_user_sees_only_their_own(dashboard: DashboardUnderTest, open_visitor: OpenVisitor) -> None:
    everybodys, adas = await endpoint(dashboard), await endpoint(dashboard, user_id="ada")
    scopes = (Scope.JOBS_READ, Scope.WEBHOOKS_WRITE)
    visitor = await open_visitor(dashboard.url, key=await dashboard.key_of("ada", *scopes))

    await visitor.open("/webhooks")
    await expect(visitor.page.get_by_role("region", name="Endpoints").locator("tbody tr")).to_have_count(1)
    await visitor.open(f"/webhooks/{adas}")
    await expect(visitor.page.get_by_role("heading", level=1)).to_have_text(URL)
    await visitor.open(f"/webhooks/{everybodys}")
    await expect(visitor.page.get_by_text("There is no webhook endpoint")).to_be_visible()

    reader = await open_visitor(dashboard.url, key=await dashboard.key_of("bo", Scope.JOBS_READ))
    await reader.open("/")
    await expect(reader.page.get_by_role("link", name="Webhooks")).to_have_count(0)
