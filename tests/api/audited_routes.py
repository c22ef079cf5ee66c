"""What each changing route and page records in the audit log, and what each needs before: the tables of the test."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from aijobs.domain.jobs.job import JobError, Stage
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.audit import ActKind
from tests.api.installation import PHOTO_URL, UPSCALE, ApiUnderTest
from tests.api.pictures import picture
from tests.api.templates import saved
from tests.patience import http_client

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
    "POST /new/price": "changes nothing",
    "POST /new/code": "changes nothing",
    "POST /new/files": "copies an output of its user for the form, as an upload does",
    "POST /codec/encode": "changes nothing",
    "POST /codec/decode": "changes nothing",
    "POST /jobs/columns": "what the visitor's own list shows, in its cookies",
    "POST /jobs/views": "filters with a name, in the visitor's own cookies",
    "POST /jobs/views/delete": "filters with a name, in the visitor's own cookies",
    "POST /preferences": "a language and a theme, in the visitor's own cookies",
    "POST /api/webhooks/{provider}/{token}": "a provider's word about a job, which the job's history has",
}

#: Routes whose acts are tested with what they need.
TESTED_ELSEWHERE: Final[Mapping[str, str]] = {
    "POST /api/models": "tests/api/test_added_models.py",
    "DELETE /api/models/{model_id}": "tests/api/test_added_models.py",
    "POST /jobs/bulk": "tests/dashboard/test_bulk_jobs.py",
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

    async def delivery(self) -> str:
        answer = await self.api.http.post(f"/api/webhook-endpoints/{await self.endpoint()}/test")
        return str(answer.raise_for_status().json()["id"])

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
        async with http_client(base_url=self.api.url) as another:
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

HOOK_FORM: Final = {"url": "https://example.com/other", "event": "job.failed"}
REPLAY: Final = {"endpoint_id": "{}", "since": "2026-01-01T00:00:00Z"}

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
    "POST /api/webhook-endpoints/{id}/test": Recorded(ActKind.ENDPOINT_TESTED, Acting.endpoint),
    "POST /api/webhook-deliveries/{id}/replay": Recorded(ActKind.DELIVERIES_REPLAYED, Acting.delivery),
    "POST /api/webhook-deliveries/replay": Recorded(ActKind.DELIVERIES_REPLAYED, Acting.endpoint, REPLAY),
    "POST /webhooks": Recorded(ActKind.ENDPOINT_MADE, Acting.name, {**HOOK_FORM, "user": "{}"}),
    "POST /webhooks/{id}/change": Recorded(ActKind.ENDPOINT_CHANGED, Acting.endpoint, HOOK_FORM),
    "POST /webhooks/{id}/enable": Recorded(ActKind.ENDPOINT_CHANGED, Acting.endpoint, {"enabled": "false"}),
    "POST /webhooks/{id}/rotate": Recorded(ActKind.ENDPOINT_ROTATED, Acting.endpoint),
    "POST /webhooks/{id}/test": Recorded(ActKind.ENDPOINT_TESTED, Acting.endpoint),
    "POST /webhooks/{id}/delete": Recorded(ActKind.ENDPOINT_DELETED, Acting.endpoint),
    "POST /webhooks/deliveries/{id}/replay": Recorded(ActKind.DELIVERIES_REPLAYED, Acting.delivery),
    "POST /webhooks/replay": Recorded(ActKind.DELIVERIES_REPLAYED, Acting.endpoint, {"endpoint": "{}", "hours": 1}),
    "POST /api/webhook-secret/rotate": Recorded(ActKind.CALLBACKS_ROTATED, Acting.nothing),
}
