"""The Users pages: everybody for operators, oneself for an end user."""

from http import HTTPStatus
from urllib.parse import quote

import pytest
from playwright.async_api import expect

from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.points.ledger import set_limit
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest


async def test_figures_of_a_user_lead_to_the_jobs_that_they_count(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    installation = dashboard.installation
    running, failed = await installation.job("ada"), await installation.job("ada")
    await installation.job("bo")
    await installation.push(failed, JobStatus.SUBMITTED, JobStatus.FAILED)
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    row = visitor.page.locator("tr", has=visitor.page.get_by_role("link", name="ada", exact=True))

    for column, code in ((3, running), (4, failed)):
        await visitor.open("/users")
        await row.locator("td").nth(column - 1).get_by_role("link", name="1").click()
        await expect(visitor.page.locator("#rows tr")).to_have_count(1)
        await expect(visitor.page.locator("#rows tr")).to_have_attribute("id", code)


@pytest.mark.parametrize("user", ["ada", "a/b c", "金 <b>", "100%"])
async def test_a_user_has_a_page_with_limit_and_ledger_whatever_the_name_is(
    dashboard: DashboardUnderTest, user: str
) -> None:
    installation = dashboard.installation
    code = await installation.job(user)
    await installation.dependencies.database.write(set_limit, user, 12_345)

    users = await installation.http.get("/users")
    page = await installation.http.get(f"/users/{quote(user, safe='')}")

    assert f'href="/users/{quote(user, safe="")}"' in users.text
    assert page.status_code == HTTPStatus.OK
    assert "12,345" in page.text
    assert page.text.count(f"/jobs/{code}") == 1


async def test_an_end_user_sees_nobody_else(dashboard: DashboardUnderTest) -> None:
    installation = dashboard.installation
    await installation.job("ada")
    headers = {"Authorization": f"Bearer {await dashboard.key_of('bo')}"}

    own = await installation.http.get("/users", headers=headers, follow_redirects=True)
    other = await installation.http.get("/users/ada", headers=headers)

    assert (own.url.path, own.status_code) == ("/users/bo", HTTPStatus.OK)
    assert "ada" not in own.text
    assert other.status_code == HTTPStatus.NOT_FOUND


async def test_users_are_found_and_turned_over(dashboard: DashboardUnderTest) -> None:
    database, http = dashboard.installation.dependencies.database, dashboard.installation.http
    for number in range(60):
        await database.write(set_limit, f"user-{number:02}", 1)

    first, second = await http.get("/users?q=user-"), await http.get("/users?q=user-&after=user-49")
    none = await http.get("/users?q=nobody")

    assert "user-49" in first.text
    assert "user-50" not in first.text
    assert "after=user-49" in first.text
    assert "user-59" in second.text
    assert 'rel="next"' not in second.text
    assert "No user has a name that begins so." in none.text
