"""A provider without a network: each question brings the next status, or, as often as told, no news."""

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
NEWS: Final = (JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.GENERATED)


class NoParameters(Parameters):
    """Its jobs take none."""


class ScriptedProvider:
    """Implements Provider, as far as a happy path goes. `quiet` polls go by before each of the news."""

    capabilities = Capabilities(
        cancel=False, webhook=False, reconcile_window=None, unit_progress=False, link_lifetime=None, docs_url=""
    )
    download_hosts: tuple[str, ...] = ()

    def __init__(self, *, quiet: int = 0) -> None:
        self.quiet = quiet
        self._asked: Counter[str] = Counter()
        self._picture = tiny_picture()

    def parameters(self, model: Model) -> type[Parameters]:
        return NoParameters

    def build_request(self, task: Task) -> ProviderRequest:
        return ProviderRequest("POST", "https://provider.example/work", {"token": task.token})

    async def submit(self, request: ProviderRequest) -> Accepted:
        return Accepted({"id": request.body["token"]})

    async def query(self, ref: Ref) -> Snapshot:
        news_so_far, pause = divmod(self._asked[ref["id"]], self.quiet + 1)
        if news_so_far == len(NEWS):
            return _snapshot(JobStatus.GENERATED)
        self._asked[ref["id"]] += 1
        if pause < self.quiet:
            return _snapshot((JobStatus.SUBMITTED, *NEWS)[news_so_far])
        return _snapshot(NEWS[news_so_far])

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
