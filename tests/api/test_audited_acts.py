"""Every route and page that changes something either records an act or is declared as not needing to.

The list of routes is the application's own: one that is added fails here until it is in one of the tables.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.audit import ActKind
from api.app import ROUTES
from dashboard.routes import ROUTERS
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest
from tests.api.pictures import picture
from tests.api.templates import saved

OWN_WORK: Final = "what a user makes and sends is their own work: the rows themselves say who made them"

#: Routes that record nothing, each with its reason.
NEED_NONE: Final[Mapping[str, str]] = {
    "POST /api/jobs": OWN_WORK,
    "POST /api/batches": OWN_WORK,
    "POST /api/files": OWN_WORK,
    "POST /api/photo-reviews": OWN_WORK,
    "POST /api/template/upload-template": OWN_WORK,
    "POST /new": OWN_WORK,
    "POST /photos": OWN_WORK,
    "POST /api/photo-reviews/{code}/beautify": OWN_WORK,
    "POST /photos/{code}/beautify": OWN_WORK,
    "POST /documents": OWN_WORK,
    "POST /jobs/{code}/act": OWN_WORK,
    "POST /api/tickets": "nothing is stored, it lasts a minute, and whatever it reads its maker may read",
    "POST /api/tokens": "nothing is stored; a service makes one for each visitor, and its key is in the access log",
    "POST /api/templates/preview": "changes nothing",
    "POST /api/templates/{template_id}/estimate": "changes nothing",
    "POST /documents/estimate": "changes nothing",
    "POST /codec/encode": "changes nothing",
    "POST /codec/decode": "changes nothing",
    "POST /jobs/columns": "what the visitor's own list shows, in its cookies",
    "POST /preferences": "a language and a theme, in the visitor's own cookies",
    "POST /api/webhooks/{provider}/{token}": "a provider's word about a job, which the job's history has",
    "POST /api/webhook-endpoints/{id}/test": "a message that the deliveries have",
    "POST /api/webhook-deliveries/{id}/replay": "a message that the deliveries have",
}

#: Routes whose acts are tested with what they need.
TESTED_ELSEWHERE: Final[Mapping[str, str]] = {
    "POST /api/models": "tests/api/test_added_models.py",
    "DELETE /api/models/{model_id}": "tests/api/test_added_models.py",
    "POST /api/documents/{code}/review": "tests/stories/test_documents.py",
    "POST /documents/{code}/review": "tests/dashboard/test_document_review.py",
}


@dataclass
class Acting:
    """Somebody with a service key, and its session in a browser."""

    api: ApiUnderTest
    browser: httpx.AsyncClient
    names: dict[str, str] = field(default_factory=dict)

    async def running(self) -> str:
        return await self.api.job("ada")

    async def ended(self) -> str:
        code = await self.running()
        await self.api.push(code, JobStatus.FAILED)
        return code

    async def in_doubt(self) -> str:
        code = await self.running()
        await self.api.push(code, JobStatus.SUBMITTED)
        error = JobError(code="deadline_passed", message="late", stage=Stage.QUEUE)
        advance = self.api.dependencies.records.gate.advance
        await advance(code, JobStatus.TIMEOUT, error=error, provider_may_charge=True)
        return code

    async def batch(self) -> str:
        body = {"model_id": UPSCALE, "user_id": "ada", "rows": [{"params": {"image": PHOTO_URL}}]}
        answer = await self.api.http.post("/api/batches", json={**body, "start_at": "2100-01-01T00:00:00Z"})
        return str(answer.raise_for_status().json()["code"])

    async def paused_batch(self) -> str:
        code = await self.batch()
        (await self.api.http.post(f"/api/batches/{code}/pause")).raise_for_status()
        return code

    async def failed_batch(self) -> str:
        code = await self.batch()
        (await self.api.http.post(f"/api/batches/{code}/cancel")).raise_for_status()
        return code

    async def pause(self) -> str:
        answer = await self.api.http.post("/api/pauses", json={"user": await self.name(), "reason": "unpaid"})
        return str(answer.raise_for_status().json()["id"])

    async def file(self) -> str:
        return str((await self.api.upload(b"text", name="a.txt")).raise_for_status().json()["code"])

    async def photo_review(self) -> str:
        files, user = {"photo": ("a.jpg", picture(64, 48))}, {"Aijobs-User": "ada"}
        made = (await self.api.http.post("/api/photo-reviews", files=files, headers=user)).raise_for_status().json()
        jobs = (await self.api.http.get("/api/jobs", params={"limit": 1})).json()["data"]
        await self.api.push(jobs[0]["code"], JobStatus.FAILED)
        return str(made["code"])

    async def endpoint(self) -> str:
        body = {"url": "https://example.com/hook", "events": ["job.success"], "user_id": await self.name()}
        return str((await self.api.http.post("/api/webhook-endpoints", json=body)).raise_for_status().json()["id"])

    async def template(self) -> str:
        name = await self.name()
        (await saved(self.api, name)).raise_for_status()
        return name

    async def name(self) -> str:
        """One that nothing has yet."""
        name = f"n{len(self.names)}"
        self.names[name] = name
        return name

    async def hold(self) -> str:
        answer = await self.api.http.post("/api/holds", json={"user": await self.name(), "reason": "a claim"})
        return str(answer.raise_for_status().json()["id"])

    async def credential(self) -> str:
        return "replicate"

    async def key(self) -> str:
        return str((await self.api.http.post("/api/keys", json={"name": "old"})).raise_for_status().json()["key_id"])

    async def session(self) -> str:
        """Another browser of the same key."""
        key = {"key": self.api.http.headers["Authorization"].removeprefix("Bearer ")}
        async with httpx.AsyncClient(base_url=self.api.url, trust_env=False) as another:
            (await another.post("/api/sessions", json=key)).raise_for_status()
            listed = (await another.get("/api/sessions")).json()["data"]
        return next(str(one["id"]) for one in listed if one["is_current"])

    async def nothing(self) -> str:
        return ""


Setup = Callable[[Acting], Awaitable[str]]


@dataclass(frozen=True)
class Recorded:
    """What a route records, what it needs before, and what is sent to it: `{}` stands for what was made before."""

    kind: ActKind
    setup: Setup
    body: Mapping[str, Any] = field(default_factory=dict)


WHY: Final = {"why": "the vendor says so"}
PAUSE: Final = {"reason": "unpaid"}
DEFINITION: Final = {"name": "Orders", "prompt": "阶段1 a\n阶段2 JSON", "columns": [{"name": "a"}]}
FORM: Final = {"do": "save", "name": "New orders", "prompt": "阶段1 a\n阶段2 JSON", "columns": "a"}
ENDPOINT: Final = {"url": "https://example.com/hook", "events": ["job.success"]}

RECORDED: Final[Mapping[str, Recorded]] = {
    "POST /api/jobs/{code}/cancel": Recorded(ActKind.JOB_CANCELED, Acting.running),
    "POST /api/jobs/{code}/rerun": Recorded(ActKind.JOB_RERUN, Acting.ended, {"from": "start"}),
    "POST /api/jobs/{code}/resolve": Recorded(ActKind.JOB_RESOLVED, Acting.in_doubt, {"decision": "refund", **WHY}),
    "DELETE /api/jobs/{code}": Recorded(ActKind.DATA_DELETED, Acting.ended),
    "DELETE /api/documents/{code}": Recorded(ActKind.DATA_DELETED, Acting.ended),
    "DELETE /api/files/{code}": Recorded(ActKind.DATA_DELETED, Acting.file),
    "DELETE /api/photo-reviews/{code}": Recorded(ActKind.DATA_DELETED, Acting.photo_review),
    "POST /jobs/{code}/cancel": Recorded(ActKind.JOB_CANCELED, Acting.running),
    "POST /jobs/{code}/rerun": Recorded(ActKind.JOB_RERUN, Acting.ended, {"from": "start", "idempotency_key": "{}"}),
    "POST /jobs/{code}/resolve": Recorded(ActKind.JOB_RESOLVED, Acting.in_doubt, {"decision": "refund", **WHY}),
    "POST /jobs/{code}/delete": Recorded(ActKind.DATA_DELETED, Acting.ended),
    "POST /api/batches/{code}/pause": Recorded(ActKind.BATCH_PAUSED, Acting.batch),
    "POST /api/batches/{code}/resume": Recorded(ActKind.BATCH_RESUMED, Acting.paused_batch),
    "POST /api/batches/{code}/cancel": Recorded(ActKind.BATCH_CANCELED, Acting.batch),
    "POST /api/batches/{code}/rerun": Recorded(ActKind.BATCH_RERUN, Acting.failed_batch),
    "POST /batches/{code}/pause": Recorded(ActKind.BATCH_PAUSED, Acting.batch),
    "POST /batches/{code}/resume": Recorded(ActKind.BATCH_RESUMED, Acting.paused_batch),
    "POST /batches/{code}/cancel": Recorded(ActKind.BATCH_CANCELED, Acting.batch),
    "POST /batches/{code}/rerun": Recorded(ActKind.BATCH_RERUN, Acting.failed_batch),
    "POST /api/keys": Recorded(ActKind.KEY_MADE, Acting.name, {"name": "backend", "user_id": "{}"}),
    "POST /api/keys/{key_id}/rotate": Recorded(ActKind.KEY_ROTATED, Acting.key, {"overlap": 60}),
    "DELETE /api/keys/{key_id}": Recorded(ActKind.KEY_REVOKED, Acting.key),
    "POST /keys": Recorded(ActKind.KEY_MADE, Acting.name, {"name": "backend", "holder": "user", "user": "{}"}),
    "POST /keys/{key_id}/rotate": Recorded(ActKind.KEY_ROTATED, Acting.key, {"hours": 1}),
    "POST /keys/{key_id}/revoke": Recorded(ActKind.KEY_REVOKED, Acting.key),
    "DELETE /api/sessions/{session_id}": Recorded(ActKind.SESSION_ENDED, Acting.session),
    "POST /sessions/{session_id}/end": Recorded(ActKind.SESSION_ENDED, Acting.session),
    "POST /sessions/end-others": Recorded(ActKind.SESSION_ENDED, Acting.session),
    "PUT /api/users/{user_id}/retention": Recorded(ActKind.RETENTION_SET, Acting.name, {"jobs": "30d"}),
    "DELETE /api/users/{user_id}": Recorded(ActKind.ERASURE_REQUESTED, Acting.name),
    "GET /api/batches/{code}/results": Recorded(ActKind.DATA_EXPORTED, Acting.batch),
    "GET /api/audit/export": Recorded(ActKind.AUDIT_EXPORTED, Acting.nothing),
    "POST /api/holds": Recorded(ActKind.HOLD_BEGUN, Acting.name, {"user": "{}", "reason": "a claim"}),
    "DELETE /api/holds/{code}": Recorded(ActKind.HOLD_ENDED, Acting.hold),
    "POST /api/pauses": Recorded(ActKind.PAUSE_BEGUN, Acting.name, {"user": "{}", **PAUSE}),
    "DELETE /api/pauses/{code}": Recorded(ActKind.PAUSE_ENDED, Acting.pause),
    "POST /pauses": Recorded(ActKind.PAUSE_BEGUN, Acting.name, {"kind": "user", "name": "{}", **PAUSE}),
    "POST /pauses/{code}/resume": Recorded(ActKind.PAUSE_ENDED, Acting.pause),
    "POST /api/credentials/{credential}/reset": Recorded(ActKind.CREDENTIAL_RESET, Acting.credential),
    "PUT /api/templates/{template_id}": Recorded(ActKind.TEMPLATE_SAVED, Acting.name, DEFINITION),
    "DELETE /api/templates/{template_id}": Recorded(ActKind.TEMPLATE_DELETED, Acting.template),
    "POST /templates": Recorded(ActKind.TEMPLATE_SAVED, Acting.name, {"id": "{}", **FORM}),
    "POST /templates/{template_id}/edit": Recorded(ActKind.TEMPLATE_SAVED, Acting.template, FORM),
    "POST /templates/{template_id}/delete": Recorded(ActKind.TEMPLATE_DELETED, Acting.template),
    "POST /api/webhook-endpoints": Recorded(ActKind.ENDPOINT_MADE, Acting.name, {**ENDPOINT, "user_id": "{}"}),
    "PATCH /api/webhook-endpoints/{id}": Recorded(ActKind.ENDPOINT_CHANGED, Acting.endpoint, {"enabled": False}),
    "DELETE /api/webhook-endpoints/{id}": Recorded(ActKind.ENDPOINT_DELETED, Acting.endpoint),
    "POST /api/webhook-endpoints/{id}/rotate-secret": Recorded(ActKind.ENDPOINT_ROTATED, Acting.endpoint),
    "POST /api/webhook-secret/rotate": Recorded(ActKind.CALLBACKS_ROTATED, Acting.nothing),
}

#: Of sessions, which begin and end with these.
SESSIONS: Final = frozenset(
    {
        *("POST /api/sessions", "DELETE /api/sessions", "POST /login", "POST /logout"),
        *("POST /login/person", "POST /api/sessions/end-others"),
    }
)

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def changing_routes() -> set[str]:
    """Method and path of each route and page that may change something."""
    routes = [route for router in [*(module.router for module in ROUTES), *ROUTERS] for route in router.routes]
    contexts = [one for one in iter_route_contexts(routes) if isinstance(one.original_route, APIRoute)]
    return {
        f"{method} {(context.path or '').replace(':path}', '}')}"
        for context in contexts
        for method in (context.methods or set()) - SAFE
    }


@pytest.fixture
async def operator(api: ApiUnderTest, key: str) -> AsyncIterator[Acting]:
    origin = {"Origin": api.url}
    async with httpx.AsyncClient(base_url=api.url, headers=origin, trust_env=False) as browser:
        assert (await browser.post("/api/sessions", json={"key": key})).status_code == 204
        yield Acting(api, browser)


async def newest_act(operator: Acting) -> dict[str, Any]:
    acts = (await operator.api.http.get("/api/audit", params={"limit": 1})).json()["data"]
    newest: dict[str, Any] = acts[0]
    return newest


def test_every_route_that_changes_something_records_it_or_says_why_not() -> None:
    declared = [*RECORDED, *NEED_NONE, *TESTED_ELSEWHERE, *SESSIONS]
    changing = {route for route in declared if route.partition(" ")[0] not in SAFE}

    assert len(declared) == len(set(declared))
    assert changing_routes() == changing


async def test_what_an_operator_does_is_recorded_once_with_who_and_from_where(operator: Acting) -> None:
    for route, recorded in RECORDED.items():
        method, _, template = route.partition(" ")
        made = await recorded.setup(operator)
        before = await newest_act(operator)
        path = f"{template.partition('{')[0]}{made}{template.rpartition('}')[2]}" if "{" in template else template
        body = {name: made if value == "{}" else value for name, value in recorded.body.items()}
        is_page = not path.startswith("/api/")
        client = operator.browser if is_page else operator.api.http
        sent: dict[str, Any] = {} if method in SAFE | {"DELETE"} else {"data" if is_page else "json": body}
        user = {"Aijobs-User": "ada"} if "webhook-secret" in path else {}
        answer = await client.request(method, path, headers={**user, "X-Request-Id": "mine"}, **sent)
        assert answer.status_code < 400, (route, answer.text[:300])

        acts = (await operator.api.http.get("/api/audit", params={"limit": 5})).json()["data"]
        new = acts[: [act["id"] for act in acts].index(before["id"])]
        assert {act["act"] for act in new} == {recorded.kind}, route
        assert made in {act["target"] for act in new} | {new[0]["user_id"], ""}, route
        assert (new[0]["actor_kind"], new[0]["request_id"]) == ("session" if is_page else "key", "mine"), route
        assert (new[0]["address"], new[0]["key_id"] is None) == ("127.0.0.1", False), route


async def test_what_owners_do_with_their_own_jobs_is_not_recorded(api: ApiUnderTest) -> None:
    ada = await api.key_for("ada")
    by_name = {"Aijobs-User": "ada"}
    before = (await api.http.get("/api/audit")).json()["data"]
    for headers in (ada, by_name):
        running, ended = await api.job("ada"), await api.job("ada")
        await api.push(ended, JobStatus.FAILED)
        (await api.http.post(f"/api/jobs/{running}/cancel", headers=headers)).raise_for_status()
        (await api.http.post(f"/api/jobs/{ended}/rerun", json={"from": "start"}, headers=headers)).raise_for_status()
        (await api.http.delete(f"/api/jobs/{ended}", headers=headers)).raise_for_status()

    assert (await api.http.get("/api/audit")).json()["data"] == before
