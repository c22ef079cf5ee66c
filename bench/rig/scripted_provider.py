"""A provider without a network: each poll returns the next status, after `quiet` polls without a change."""

from collections import Counter
from typing import Final, NoReturn

from aijobs.domain.catalogue import Model
from aijobs.domain.errors import BadInput, ProviderFailed
from aijobs.domain.jobs.outputs import OutputKind, OutputSource
from aijobs.domain.jobs.parameters import Parameters
from aijobs.domain.jobs.submissions import Accepted, CancelOutcome, Found, ProviderRequest, Ref, Search, Submission
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Capabilities, IncomingWebhook, InputFile, Snapshot, Task, WebhookHint
from bench.rig.picture import tiny_picture

#: The happy path in which three polls bring three new statuses.
STATUSES: Final = (JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.GENERATED)


class NoParameters(Parameters):
    """The jobs have no parameters."""


class ScriptedProvider:
    """Implements Provider for the happy path. `quiet` polls without a change precede each new status."""

    capabilities = Capabilities(
        cancel=False, webhook=False, reconcile_window=None, unit_progress=False, link_lifetime=None, docs_url=""
    )
    download_hosts: tuple[str, ...] = ()

    def __init__(self, *, quiet: int = 0) -> None:
        self.quiet = quiet
        self._polls: Counter[str] = Counter()
        self._picture = tiny_picture()

    def parameters(self, model: Model) -> type[Parameters]:
        return NoParameters

    def build_request(self, task: Task) -> ProviderRequest:
        return ProviderRequest("POST", "https://provider.example/work", {"token": task.token})

    async def submit(self, request: ProviderRequest) -> Accepted:
        return Accepted({"id": request.body["token"]})

    async def query(self, ref: Ref) -> Snapshot:
        index, pause = divmod(self._polls[ref["id"]], self.quiet + 1)
        if index == len(STATUSES):
            return _snapshot(JobStatus.GENERATED)
        self._polls[ref["id"]] += 1
        if pause < self.quiet:
            return _snapshot((JobStatus.SUBMITTED, *STATUSES)[index])
        return _snapshot(STATUSES[index])

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        return [OutputSource(kind=OutputKind.IMAGE, content=self._picture)]

    async def attach(self, file: InputFile, *, token: str) -> NoReturn:
        raise ProviderFailed("This provider takes no files.")

    async def cancel(self, ref: Ref) -> CancelOutcome:
        return CancelOutcome.NOT_SUPPORTED

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        return Search.IMPOSSIBLE

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        raise BadInput("This provider sends no webhooks.")


def _snapshot(status: JobStatus) -> Snapshot:
    return Snapshot(status=status, raw_status=status.name.lower(), final=status is JobStatus.GENERATED)
