"""Small scripted providers, for what no real provider does on purpose."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.jobs.submissions import (
    Accepted,
    CancelOutcome,
    Found,
    ProviderRequest,
    Ref,
    Rejected,
    Search,
    Submission,
    SubmitOutcome,
    Unknown,
)
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Capabilities, IncomingWebhook, InputFile, Snapshot, Task, WebhookHint

CAPABILITIES = Capabilities(
    cancel=True,
    webhook=False,
    reconcile_window=None,
    unit_progress=True,
    link_lifetime=None,
    docs_url="https://example.com",
)


class AnyParameters(Parameters):
    prompt: str = ""


class StepProvider:
    """Answers each query with the next status of the script, and then always the last. Implements Provider."""

    capabilities = CAPABILITIES
    download_hosts = ()

    def __init__(
        self,
        script: Sequence[JobStatus | tuple[JobStatus, float]],
        content: bytes = b"done",
        *,
        stops: bool = True,
        arrives: bool = True,
        refusals: int = 0,
    ) -> None:
        """The first `refusals` requests are rejected, as by a busy provider."""
        self._script = script
        self._content = content
        self._stops = stops
        self._arrives = arrives
        self._refusals = refusals
        self._scripts: dict[str, Iterator[JobStatus | tuple[JobStatus, float]]] = {}
        self._last: dict[str, JobStatus | tuple[JobStatus, float]] = {}
        self.questions = 0
        self.requests = 0

    def parameters(self, _model: Model) -> type[Parameters]:
        return AnyParameters

    async def attach(self, file: InputFile, *, token: str) -> str:
        return f"https://example.com/{token}/{file.name}"

    def build_request(self, task: Task) -> ProviderRequest:
        return ProviderRequest(method="POST", url="https://example.com", body={"token": task.token})

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        self.requests += 1
        if self.requests <= self._refusals:
            return Rejected("busy", "come again", may_retry=True)
        return Accepted({"id": request.body["token"]}) if self._arrives else Unknown("no answer")

    async def query(self, ref: Ref) -> Snapshot:
        self.questions += 1
        script = self._scripts.setdefault(ref["id"], iter(self._script))
        word = next(script, self._last.get(ref["id"], self._script[-1]))
        self._last[ref["id"]] = word
        status, unit = word if isinstance(word, tuple) else (word, None)
        return Snapshot(
            status=status, raw_status=status.name, final=not status.is_before(JobStatus.GENERATED), unit_progress=unit
        )

    async def outputs(self, _ref: Ref, _snapshot: Snapshot) -> list[OutputSource]:
        return [OutputSource(kind=OutputKind.TEXT, content=self._content)]

    async def cancel(self, _ref: Ref) -> CancelOutcome:
        return CancelOutcome.CANCELED if self._stops else CancelOutcome.REQUESTED

    async def reconcile(self, _submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        return Search.ABSENT

    def parse_webhook(self, _delivery: IncomingWebhook) -> WebhookHint:
        return WebhookHint(delivery_id=None, raw_status=None, ref=None)


class Echo:
    """Generates the prompt itself, a part at a time. Implements Generator."""

    capabilities = CAPABILITIES

    def __init__(self, pause: Callable[[], Awaitable[None]]) -> None:
        self._pause = pause

    def parameters(self, _model: Model) -> type[Parameters]:
        return AnyParameters

    async def begin(self, _task: Task) -> int:
        return 1

    async def work(self, _task: Task, _stage: int, report: Callable[[float], Awaitable[None]]) -> None:
        for percent in (25, 50, 75, 100):
            await self._pause()
            await report(percent)

    async def finish(self, task: Task) -> list[OutputSource]:
        prompt: Mapping[str, Any] = task.params
        return [OutputSource(kind=OutputKind.TEXT, content=str(prompt["prompt"]).encode())]
