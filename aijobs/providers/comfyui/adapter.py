"""A ComfyUI server as a `Provider`: the requests to its API, and the meaning of the answers."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict

from aijobs.adapters.network.file_form import file_form, filename_of
from aijobs.adapters.network.http_client import HttpClient, HttpReply, Timeouts, opened_http
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import BadInput, NotAuthenticated, ProviderFailed, ProviderUnavailable
from aijobs.domain.jobs.outputs import OutputSource
from aijobs.domain.jobs.schema_parameters import parameters_from
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.ports.providers import Provider
from aijobs.domain.provider_io import (
    Capabilities,
    IncomingWebhook,
    InputFile,
    ModelDescription,
    Snapshot,
    Task,
    WebhookHint,
)
from aijobs.domain.values.durations import Duration
from aijobs.domain.values.secret_forms import Token
from aijobs.providers.comfyui.answers import (
    DIALECT,
    LOST,
    NOT_THERE,
    ended_snapshot,
    entry_in,
    id_with,
    is_running,
    message_in,
    sources_in,
    waiting_in,
)
from aijobs.providers.comfyui.parameters import AnyWorkflowInput, WorkflowInput
from aijobs.providers.comfyui.workflow import classes_in, described, filled, graph_named

ID_BYTES: Final = 16
FOLDER: Final = "aijobs"  #: of uploads, in the server's folder of inputs
WINDOW: Final = timedelta(days=1)
SETTLED_AFTER: Final = timedelta(minutes=4)  #: a request that has not arrived by then never will
RECENT: Final = 200  #: entries of the history that are searched for a token
MOST_MISSED: Final = 10_000

CAPABILITIES: Final = Capabilities(
    cancel=True,
    webhook=False,
    reconcile_window=WINDOW,
    unit_progress=False,
    link_lifetime=None,
    docs_url="https://docs.comfy.org/development/comfyui-server/comms_routes",
    reads_links=False,
)


class ComfyUISettings(BaseModel):
    """The settings of a ComfyUI server. It is enabled when a token is set, which is sent to it as a bearer.

    `workflows`: a directory of workflows in the API format, for `aijobs models add`. `lost_after`: a prompt that is
    neither in the queue nor in the history for so long is lost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Token | None = None
    base_url: str = "http://127.0.0.1:8188"
    workflows: Path | None = None
    lost_after: Duration = timedelta(minutes=1)
    download_hosts: tuple[str, ...] = ()


@asynccontextmanager
async def opened(settings: ComfyUISettings, *, timeouts: Timeouts | None = None) -> AsyncIterator[Provider]:
    """Raises ValueError without a token."""
    async with opened_http("ComfyUI", timeouts=timeouts) as http:
        yield ComfyUI(settings, http)


class ComfyUI:
    """ComfyUI's own HTTP API. A prompt has an id of ours, under which it is found until the server is restarted."""

    capabilities = CAPABILITIES

    def __init__(self, settings: ComfyUISettings, http: HttpClient) -> None:
        if not settings.token:
            raise ValueError("A ComfyUI server needs a token: any word, where it asks for no key.")
        self._authorization = {"Authorization": f"Bearer {settings.token.get_secret_value()}"}
        self._base_url = settings.base_url.rstrip("/")
        self._workflows = settings.workflows
        self._lost_after = settings.lost_after
        self._missed: dict[str, datetime] = {}  #: since when, by id, oldest first
        self._http = http
        self.download_hosts = (*settings.download_hosts, urlsplit(self._base_url).hostname or "")

    def parameters(self, model: Model) -> type[AnyWorkflowInput]:
        return AnyWorkflowInput if model.input_schema is None else parameters_from(model.input_schema, WorkflowInput)

    async def describe(self, name: str) -> ModelDescription:
        graph = graph_named(name, self._workflows)
        nodes = {}
        for kind in classes_in(graph):
            info = await self._get(f"/object_info/{quote(kind, safe='')}")
            if not isinstance(info.get(kind), dict):
                raise BadInput(f"The ComfyUI server has no node {kind}, which the workflow {name} needs.")
            nodes[kind] = info[kind]
        return described(name, graph, nodes)

    async def attach(self, file: InputFile, *, token: str) -> str:
        """Returns the name of the input on the server."""
        filename = filename_of(file, token)
        fields = {"type": "input", "subfolder": FOLDER, "overwrite": "true"}
        form = file_form(file, field="image", filename=filename, fields=fields)
        headers = self._authorization | form.headers
        reply = await self._http.call("POST", f"{self._base_url}/upload/image", headers=headers, content=form.content)
        kept = reply.document() or {}
        if not reply.ok or not isinstance(kept.get("name"), str):
            raise ProviderFailed(f"ComfyUI answered {reply.status} to an upload.")
        return f"{kept['subfolder']}/{kept['name']}" if kept.get("subfolder") else kept["name"]

    def build_request(self, task: Task) -> ProviderRequest:
        """A model that was added has its workflow with it; one of a catalogue names it by its `model`."""
        added = task.model.input_schema
        graph = graph_named(task.model.model, self._workflows) if added is None else added["workflow"]
        body = {
            "prompt": filled(graph, task.params, token=task.token),
            "prompt_id": prompt_id(task.token),
            "client_id": task.token,
        }
        return ProviderRequest("POST", f"{self._base_url}/prompt", body)

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        headers = self._authorization | request.headers
        reply = await self._http.send_once(request.method, request.url, headers=headers, body=request.body)
        return DIALECT.outcome_of(reply)

    async def query(self, ref: Ref) -> Snapshot:
        """A prompt that is in neither is not believed to be lost before some time has passed."""
        found = await self._find(ref["id"])
        if found is not None:
            self._missed.pop(ref["id"], None)
            return found
        now = datetime.now(UTC)
        if len(self._missed) >= MOST_MISSED:
            del self._missed[next(iter(self._missed))]
        return LOST if now >= self._missed.setdefault(ref["id"], now) + self._lost_after else NOT_THERE

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        if snapshot.status is not JobStatus.GENERATED:
            raise ProviderFailed("ComfyUI has no results of this prompt.")
        return sources_in(snapshot.raw.get("outputs"), base_url=self._base_url, headers=self._authorization.copy)

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """Taken out of the queue, or interrupted. What is nowhere, any more or at all, will not run."""
        await self._post("/queue", {"delete": [ref["id"]]})
        if is_running(await self._get("/queue"), ref["id"]):
            await self._post("/interrupt", {"prompt_id": ref["id"]})
            return CancelOutcome.REQUESTED
        found = await self._find(ref["id"])
        if found is None or found.status is JobStatus.CANCELED:
            return CancelOutcome.CANCELED
        return CancelOutcome.TOO_LATE if found.final else CancelOutcome.REQUESTED

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        """Absent is what is in neither, and was never in a history of the last prompts under our token."""
        ours = prompt_id(submission.token)
        if ours in known_ids:
            return Search.NOT_YET
        if await self._find(ours) is not None:
            return Found({"id": ours})
        if datetime.now(UTC) < submission.intent_at + SETTLED_AFTER:
            return Search.NOT_YET
        chosen = id_with(await self._get(f"/history?max_items={RECENT}"), submission.token)
        return Found({"id": chosen}) if chosen is not None and chosen not in known_ids else Search.ABSENT

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        raise NotAuthenticated("ComfyUI sends no webhooks.")

    async def _find(self, wanted: str) -> Snapshot | None:
        """The history is asked before and after the queue, so that nothing is missed between the two."""
        ended = await self._ended(wanted)
        return ended or waiting_in(await self._get("/queue"), wanted) or await self._ended(wanted)

    async def _ended(self, wanted: str) -> Snapshot | None:
        entry = entry_in(await self._get(f"/history/{quote(wanted, safe='')}"), wanted)
        return None if entry is None else ended_snapshot(entry)

    async def _get(self, path: str) -> dict[str, Any]:
        reply = await self._http.call("GET", f"{self._base_url}{path}", headers=self._authorization)
        document = reply.document()
        if not reply.ok or document is None:
            raise _unavailable(reply)
        return document

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        """The answers have no body."""
        reply = await self._http.call("POST", f"{self._base_url}{path}", headers=self._authorization, body=body)
        if not reply.ok:
            raise _unavailable(reply)


def _unavailable(reply: HttpReply) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"ComfyUI answered {reply.status}: {message_in(reply.document() or {}) or 'nothing readable'}"
    )


def prompt_id(token: str) -> str:
    """The id of a submission's prompt: a UUID in lower case, as ComfyUI wants it."""
    return str(uuid.UUID(bytes=hashlib.sha256(token.encode()).digest()[:ID_BYTES], version=4))
