"""Checks for every page: none is left out, all can be read without JavaScript, and none runs what somebody wrote.

How they look is in test_every_look.py.
"""

from datetime import timedelta
from html.parser import HTMLParser
from typing import Final
from urllib.parse import quote

from fastapi.routing import APIRoute
from playwright.async_api import expect

from aijobs.domain.documents.sources import CellSource, Mark
from aijobs.domain.jobs.job import JobError, JobRequest, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.host_facts import Expiry, HostFacts, Room
from aijobs.domain.webhooks import WebhookReply
from aijobs.persistence.column_types import now
from aijobs.persistence.documents.rows import RowsOrigin, write_rows
from aijobs.persistence.jobs.acceptance import Acceptance, accept
from aijobs.persistence.processes import see
from aijobs.persistence.webhooks.deliveries import DatabaseDeliveries
from aijobs.usecases.intake_document import MODEL
from dashboard import assets
from dashboard.routes import ROUTERS
from tests.adapters.documents.makers import workbook
from tests.api.installation import ApiUnderTest
from tests.api.pictures import picture
from tests.api.templates import saved, sent
from tests.dashboard.conftest import OpenVisitor
from tests.dashboard.installation import DashboardUnderTest
from tests.persistence.test_processes import process_row

HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>{{7*7}}\'"'


async def create_data(dashboard: DashboardUnderTest) -> list[str]:
    """Creates jobs in many states, full of hostile text; returns the path of every page."""
    installation = dashboard.installation
    advance = installation.dependencies.records.gate.advance
    running = await installation.job("ada", metadata={"note": HOSTILE, HOSTILE[:40]: "x"})
    await installation.push(running, JobStatus.SUBMITTED, JobStatus.QUEUED, JobStatus.PROCESSING)
    done = await installation.job(HOSTILE)
    await installation.push(done, JobStatus.SUBMITTED, JobStatus.GENERATED, JobStatus.MIGRATING)
    await installation.keep_output(done, picture(64, 48, "PNG"))
    await installation.push(done, JobStatus.SUCCESS)
    held = await installation.job("ada")
    await installation.push(held, JobStatus.SUBMITTED)
    error = JobError(code="deadline_passed", message=HOSTILE, stage=Stage.QUEUE)
    await advance(held, JobStatus.TIMEOUT, error=error, provider_may_charge=True)
    failed = await installation.job("bo")
    await advance(failed, JobStatus.FAILED, error=error, detail={"said": HOSTILE})
    pause = {"user": HOSTILE[:200], "reason": HOSTILE[:500]}
    (await installation.http.post("/api/pauses", json=pause)).raise_for_status()
    room = Room(what="temp", path=HOSTILE, free=1, total=2)
    end = Expiry(what="token", name=HOSTILE, at=now())
    facts = HostFacts(rooms=(room,), expiries=(end,)).model_dump(mode="json")
    await installation.dependencies.database.write(see, process_row(HOSTILE[:30]) | {"facts": facts})
    hooks = await _webhooks(installation)
    jobs = [f"/jobs/{code}" for code in (running, done, held, failed)]
    operators = [
        "/money",
        "/users",
        f"/users/{quote(HOSTILE, safe='')}",
        "/health",
        "/pauses",
        "/audit",
        "/settings",
        "/keys",
        "/sessions",
    ]
    lists = ["/", "/jobs", "/jobs/bulk?action=rerun", "/jobs/bulk?action=cancel", "/docs", "/docs/createJob"]
    first = [*lists, *jobs, "/new", "/models", *operators, *hooks, f"/example?job={running}"]
    return [*first, *await _batches(installation), *await _photos(installation), *await _documents(installation)]


async def _batches(installation: ApiUnderTest) -> list[str]:
    """A batch of rows that wait, and one of rows that ended before they started."""
    row = {"params": {"image": "https://example.com/photo.jpg"}, "metadata": {"note": HOSTILE}}
    body = {"model_id": "replicate_imageupscale_v1", "user_id": HOSTILE, "rows": [row] * 3, "metadata": {"x": HOSTILE}}
    codes = []
    for _ in range(2):
        answer = await installation.http.post("/api/batches", json={**body, "start_at": "2100-01-01T00:00:00Z"})
        codes.append(answer.raise_for_status().json()["code"])
    (await installation.http.post(f"/api/batches/{codes[0]}/cancel")).raise_for_status()
    return ["/batches", *(f"/batches/{code}" for code in codes)]


async def _webhooks(installation: ApiUnderTest) -> list[str]:
    """An endpoint that is enabled and one that is not, each with a failed delivery."""
    outbox = DatabaseDeliveries(installation.dependencies.database, disable_after=timedelta(days=5))
    paths = ["/webhooks"]
    for reply in (WebhookReply(error=HOSTILE), WebhookReply(status=410)):
        body = {"url": f"https://example.com/?{HOSTILE.replace(chr(32), '+')}", "user_id": HOSTILE}
        made = (await installation.http.post("/api/webhook-endpoints", json=body)).raise_for_status().json()["id"]
        sent = (await installation.http.post(f"/api/webhook-endpoints/{made}/test")).raise_for_status().json()["id"]
        await outbox.note_try(sent, reply, next_try_at=None)
        paths += [f"/webhooks/{made}", f"/webhooks/deliveries/{sent}"]
    return paths


async def _photos(installation: ApiUnderTest) -> list[str]:
    files = {"photo": (f"{HOSTILE}.jpg", picture(320, 240))}
    response = await installation.http.post("/api/photo-reviews", files=files, headers={"Aijobs-User": "ada"})
    return ["/photos", f"/photos/{response.raise_for_status().json()['code']}"]


async def _documents(installation: ApiUnderTest) -> list[str]:
    columns = [{"name": HOSTILE, "required": True}, {"name": "金额", "type": "number"}]
    made = await saved(installation, "orders", name=HOSTILE, prompt=f"阶段1 {HOSTILE}\n阶段2 JSON", columns=columns)
    made.raise_for_status()
    table = workbook([[HOSTILE, "金额"], [HOSTILE, 5]])
    (await sent(installation, table, "orders.xlsx", template="orders")).raise_for_status()
    one = "/templates/orders"
    review = f"/documents/{await _reviewed(installation)}/review"
    return ["/documents", "/templates", "/new/template", one, f"{one}/edit", f"{one}/rows", review]


async def _reviewed(installation: ApiUnderTest) -> str:
    """The code of a document's job with a table that a person should look at."""
    text = f"金额 12\n{HOSTILE}".encode()
    file = (await installation.upload(text, name="order.txt")).raise_for_status().json()["code"]
    params = {"file": file, "template": "orders"}
    order = Acceptance(
        user_id="ada",
        request=JobRequest(model_id=MODEL, params=params),
        model=installation.dependencies.catalogue.model(MODEL),
        params=params,
        created_by="test",
        daily_limit=10**9,
    )
    database = installation.dependencies.database
    code = (await database.write(accept, order)).code
    origin = RowsOrigin(template_id="orders", template_version=1, source=code, user_id="ada")
    doubtful = CellSource(quote=HOSTILE, page=1, box=(0.1, 0.1, 0.2, 0.2), marks=tuple(Mark), written=HOSTILE)
    await database.write(write_rows, origin, [{HOSTILE: HOSTILE, "金额": 12}], [{HOSTILE: doubtful}])
    await installation.push(code, JobStatus.PROCESSING, JobStatus.GENERATED, JobStatus.MIGRATING, JobStatus.SUCCESS)
    return code


#: Not whole pages: parts that a page's script fetches, and pictures.
PARTS_OF_PAGES: Final = frozenset(
    {
        "/batches/{code}/live",
        "/documents/rows",
        "/documents/{code}/pages/{number}",
        "/jobs/export",
        "/jobs/fresh",
        "/jobs/rows",
        "/jobs/{code}/inputs/{file_code}",
        "/jobs/{code}/inputs/{file_code}/small",
        "/jobs/{code}/live",
        "/jobs/{code}/log.txt",
        "/jobs/{code}/poster/{index}",
        "/jobs/{code}/thumbnail/{index}",
        "/files/{code}/thumbnail",
        "/new/files",
        "/overview/live",
        "/overview/throughput.json",
        "/photos/{code}/live",
        "/photos/{code}/small",
    }
)


async def test_no_page_is_left_out(dashboard: DashboardUnderTest) -> None:
    visited = ["/login", *(path.partition("?")[0] for path in await create_data(dashboard))]
    routes = [route for router in ROUTERS if router is not assets.router for route in router.routes]
    pages = [route for route in routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())]

    unvisited = {page.path for page in pages if not any(page.path_regex.match(path) for path in visited)}

    assert unvisited == PARTS_OF_PAGES


async def test_every_page_can_be_read_without_javascript(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    pages = await create_data(dashboard)
    visitor = await open_visitor(dashboard.url, key=dashboard.key, java_script_enabled=False)

    for path in pages:
        await visitor.open(path)
        assert len(await visitor.page.locator("main").inner_text()) > 100, path
    await visitor.open("/")
    await visitor.page.get_by_text("As a table").click()
    await expect(visitor.page.get_by_role("columnheader", name="From (UTC)")).to_be_visible()


async def test_language_and_theme_are_kept_once_they_are_chosen(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)

    await visitor.open("/jobs?q=x")
    await visitor.page.get_by_role("button", name="中文").click()
    await visitor.page.get_by_role("button", name="深色").click()
    await expect(visitor.page).to_have_url(f"{dashboard.url}/jobs?q=x")
    await visitor.open("/money")

    await expect(visitor.page.locator("html")).to_have_attribute("lang", "zh-CN")
    await expect(visitor.page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(visitor.page.get_by_role("heading", level=1)).to_have_text("积分")


async def test_nothing_but_files_of_ours_may_run(dashboard: DashboardUnderTest) -> None:
    for path in await create_data(dashboard):
        response = await dashboard.installation.http.get(path)
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';"), path
        assert "unsafe" not in policy, path
        assert _inline_code(response.text) == [], path


async def test_the_navigation_can_be_used_by_keyboard_alone(
    dashboard: DashboardUnderTest, open_visitor: OpenVisitor
) -> None:
    visitor = await open_visitor(dashboard.url, key=dashboard.key)
    await visitor.open("/")

    await visitor.page.keyboard.press("Tab")
    await expect(visitor.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.page.locator("main")).to_be_focused()
    await visitor.page.get_by_role("navigation").get_by_role("link", name="Points").focus()
    await visitor.page.keyboard.press("Enter")

    await expect(visitor.page).to_have_url(f"{dashboard.url}/money")


def _inline_code(text: str) -> list[str]:
    """Elements and attributes with inline scripts or styles."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            named = dict(attrs)
            is_javascript_link = any(
                (value or "").strip().lower().startswith("javascript:") for value in named.values()
            )
            if (tag == "script" and "src" not in named) or tag == "style" or is_javascript_link:
                found.append(tag)
            found.extend(name for name in named if name.startswith("on") or name == "style")

    Reader().feed(text)
    return found
