"""Who asks for HTML gets a page at every path, and who asks for JSON a problem; in the layout, in both languages."""

from typing import Any, Final

import pytest
from axe_playwright_python.async_playwright import Axe

from aijobs.domain.values.scopes import Scope
from api.app import build_app
from api.server import serving
from dashboard.formatting import Marked
from dashboard.language import Language, messages
from tests.dashboard.accessibility import RULES
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest
from tests.patience import http_client

PHONE: Final = {"width": 390, "height": 844}
BROWSER: Final = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
PROGRAM: Final = {"Accept": "application/json"}

#: What goes wrong, at paths of the API and of pages, and the status of the answer.
MISTAKES: Final[list[tuple[dict[str, Any], int]]] = [
    ({"method": "GET", "url": "/nowhere"}, 404),
    ({"method": "GET", "url": "/api/nowhere"}, 404),
    ({"method": "GET", "url": "/api/jobs/job_00000000000000000000000000"}, 404),
    ({"method": "GET", "url": "/jobs/job_00000000000000000000000000"}, 404),
    ({"method": "PUT", "url": "/jobs"}, 405),
    ({"method": "DELETE", "url": "/api/jobs"}, 405),
    ({"method": "GET", "url": "/api/jobs?colour=red"}, 422),
    ({"method": "POST", "url": "/api/jobs", "content": b"x" * 100_000}, 413),
]


@pytest.mark.parametrize(("request_", "status"), MISTAKES)
async def test_browsers_get_pages_and_programs_problems(
    dashboard: DashboardUnderTest, request_: dict[str, Any], status: int
) -> None:
    headers = {"Content-Type": "application/json"}

    page = await dashboard.installation.http.request(**request_, headers={**headers, **BROWSER})
    problem = await dashboard.installation.http.request(**request_, headers={**headers, **PROGRAM})

    assert (page.status_code, problem.status_code) == (status, status)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert messages(Language.EN)[f"error.title_{status}"] in page.text
    assert 'href="/jobs"' in page.text  # the navigation
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert problem.json()["status"] == status
    assert page.headers.get("Allow") == problem.headers.get("Allow")
    assert "Accept" in page.headers["Vary"]
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


async def test_who_names_no_kind_gets_problems_from_the_api(dashboard: DashboardUnderTest) -> None:
    for accept in ("*/*", "text/event-stream", "image/webp,*/*", "application/json, text/html;q=0.5", "text/html;q=0"):
        answer = await dashboard.installation.http.get("/api/nowhere", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "application/problem+json", accept


async def test_a_stranger_gets_pages_without_navigation(dashboard: DashboardUnderTest) -> None:
    async with http_client(base_url=dashboard.url, headers=BROWSER) as stranger:
        missing = await stranger.get("/nowhere")
        refused = await stranger.get("/api/jobs")
        sent_to_login = await stranger.get("/jobs")
        as_a_program = await stranger.get("/jobs", headers=PROGRAM)

    assert (missing.status_code, refused.status_code, sent_to_login.status_code) == (404, 401, 303)
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert "<code>Authorization: Bearer aijobs_…</code>" in refused.text
    for page in (missing, refused):
        assert "/login?next=" in page.text
        assert 'href="/jobs"' not in page.text
    assert (as_a_program.status_code, as_a_program.json()["code"]) == (401, "not_authenticated")


async def test_what_a_role_may_not_do_and_what_breaks_here_are_pages_too(dashboard: DashboardUnderTest) -> None:
    dependencies = dashboard.installation.dependencies
    key = await dashboard.key_of("ada", Scope.JOBS_READ)
    app = build_app(dependencies)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("internals")

    async with (
        serving(app, dependencies.live, host="127.0.0.1", port=0) as url,
        http_client(base_url=url, headers={**BROWSER, "Authorization": f"Bearer {key}"}) as http,
    ):
        refused = await http.get("/health")
        broke = await http.get("/broken")

    assert (refused.status_code, broke.status_code) == (403, 500)
    assert messages(Language.EN)["error.title_403"] in refused.text
    assert messages(Language.EN)["error.title_500"] in broke.text
    assert "internals" not in broke.text
    assert broke.headers["X-Request-Id"] in broke.text


async def test_what_is_not_available_says_when_to_come_again(dashboard: DashboardUnderTest) -> None:
    await dashboard.installation.dependencies.database.close()

    page = await dashboard.installation.http.get("/api/jobs", headers=BROWSER)

    assert page.status_code == 503
    assert page.headers["Retry-After"]
    assert messages(Language.EN)["error.title_503"] in page.text


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_page_of_an_error_is_whole(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor, theme: str
) -> None:
    visitor = await open_visitor(
        dashboard.url, key=dashboard.key, viewport=PHONE, locale="zh-CN", color_scheme=theme, extra_http_headers={}
    )

    await visitor.page.goto(f"{dashboard.url}/nowhere")
    heading = await visitor.page.locator("h1").inner_text()
    text = await visitor.page.locator("main").inner_text()
    wider = await visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    violations = await Axe().run(visitor.page, options=RULES)

    assert heading == f"{messages(Language.ZH)['error.title_404']} 404"
    assert "Not Found" not in text
    assert wider <= 0
    assert violations.violations_count == 0, violations.generate_report()


def test_backticks_become_code_and_everything_else_is_escaped() -> None:
    assert Marked("`a <b>` & `c`, `").__html__() == "<code>a &lt;b&gt;</code> &amp; <code>c</code>, `"
