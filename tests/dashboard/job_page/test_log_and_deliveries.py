"""The log of a job as text, live, and what its webhooks were told."""

from playwright.async_api import expect

from aijobs.domain.jobs.submissions import Accepted, ProviderRequest
from aijobs.domain.lifecycle import JobStatus
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest

SIGNED = "https://s3.example.com/photo.jpg?X-Amz-Signature=5ec2e7"


async def test_the_log_grows_live_and_is_a_file_without_secrets(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    installation = dashboard.installation
    code = await installation.job()
    submissions = installation.dependencies.records.submissions
    request = ProviderRequest("POST", SIGNED, {"token": "r8_very_secret"})
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open(f"/jobs/{code}")
    log = visitor.page.locator("#log")
    await expect(log).to_contain_text("status    DRAFT")

    await submissions.conclude(
        await submissions.intend(code, provider="replicate", token="t1", request=request), Accepted({"id": "at-vendor"})
    )
    await installation.dependencies.records.gate.note(code, {"said": 'two "words"\x1b[31m and\nlines'})

    await expect(log).to_contain_text("answer    submission=1 outcome=accepted ref=at-vendor")
    await expect(log).to_contain_text("method=POST url=https://s3.example.com/photo.jpg?***")
    await expect(log).to_contain_text(r'said="two \"words\"\u001b[31m and\nlines"')
    file = await installation.http.get(f"/jobs/{code}/log.txt")
    assert file.headers["content-type"] == "text/plain; charset=utf-8"
    lines = file.text.splitlines()
    assert [line.split()[1] for line in lines[:2]] == ["status", "sent"]
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)
    assert "5ec2e7" not in file.text
    assert "\x1b" not in file.text
    bo = await installation.key_for("bo")
    assert (await installation.http.get(f"/jobs/{code}/log.txt", headers=bo)).status_code == 404


async def test_the_webhooks_of_a_job_are_on_its_page_for_those_they_belong_to(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    installation = dashboard.installation
    endpoint = {"url": "https://example.com/hook?key=5ec2e7", "events": ["job.failed"]}
    (await installation.http.post("/api/webhook-endpoints", json=endpoint)).raise_for_status()
    code = await installation.job("ada")
    await installation.push(code, JobStatus.SUBMITTED, JobStatus.FAILED)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    ada = await open_visitor(dashboard.url, key=await dashboard.key_of("ada"))

    await visitor.open(f"/jobs/{code}")
    shown = visitor.page.locator("#deliveries li")
    await expect(shown).to_contain_text("job.failed")
    await expect(shown).to_contain_text("Waiting")
    assert "5ec2e7" not in await visitor.page.content()
    await shown.get_by_role("link", name="job.failed").click()
    await visitor.page.wait_for_url("**/webhooks/deliveries/hook_*")

    await ada.open(f"/jobs/{code}")
    await expect(ada.page.locator("#status")).to_be_visible()
    await expect(ada.page.locator("#deliveries")).to_have_count(0)
