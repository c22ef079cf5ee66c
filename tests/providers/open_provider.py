"""One provider on its vendor, simulated or real: jobs from the submit to their ends."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel

from aijobs.adapters.network.http_client import Timeouts
from aijobs.domain.catalogue import Model
from aijobs.domain.errors import ProviderUnavailable
from aijobs.domain.jobs.submissions import Accepted, ProviderRequest, Ref, Submission, SubmitOutcome
from aijobs.domain.ports.providers import ModelSource, Provider
from aijobs.domain.provider_io import IncomingWebhook, Snapshot, Task, VendorReport
from aijobs.domain.values.ids import new_id
from aijobs.providers.registry import PROVIDERS
from aijobs.usecases.add_model import ModelRequest, definition_of
from tests.providers.scripted_vendor import Connection, ScriptedVendor, encoded

TIMEOUTS: Final = Timeouts(silence=timedelta(seconds=2), whole=timedelta(seconds=8))  #: a vendor that hangs does longer
POLL: Final = 0.02
LONGEST: Final = 60.0  #: seconds, on however slow a machine


@dataclass
class WebhookDesk:
    """Stands for our API: takes webhooks, and keeps what they tell."""

    provider: Provider | None = None
    url: str = ""
    sent: dict[str, ProviderRequest] = field(default_factory=dict)  #: by token
    reports: dict[str, VendorReport] = field(default_factory=dict)  #: by the vendor's id
    callers: list[Connection] = field(default_factory=list)  #: connections that are open

    async def last_report(self, ref_id: str) -> Mapping[str, Any] | None:
        return self.reports[ref_id].content if ref_id in self.reports else None

    async def take(self, caller: Connection) -> None:
        self.callers.append(caller)
        try:
            await self._taken(caller)
        finally:
            self.callers.remove(caller)

    def close(self) -> None:
        """Leave nobody waiting: a webhook may come when nobody listens any more."""
        for caller in self.callers:
            caller.writer.transport.abort()

    async def _taken(self, caller: Connection) -> None:
        await caller.receive()
        received = caller.vendor.received.pop()
        token = received.path.rpartition("/")[2]
        assert self.provider is not None
        delivery = IncomingWebhook(received.headers, received.body, token=token, sent=self.sent[token])
        hint = self.provider.parse_webhook(delivery)
        assert hint.ref is not None
        assert hint.report is not None
        if not (hint.ref["id"] in self.reports and self.reports[hint.ref["id"]].final):
            self.reports[hint.ref["id"]] = hint.report
        caller.writer.write(encoded(200, {}, {"Connection": "close"}))
        await caller.writer.drain()


@dataclass(frozen=True)
class OpenProvider:
    """Jobs at a vendor, played or real. `params` are of a job that succeeds."""

    provider: Provider
    model: Model
    params: Mapping[str, Any]
    desk: WebhookDesk | None  #: where the vendor tells of jobs by webhooks alone

    def submission(
        self, *, webhook_url: str | None = None, action: str | None = None, origin: Ref | None = None, **params: Any
    ) -> Submission:
        """A new submission, as it is stored before it is sent. Its token is in its webhook URL, if it has one."""
        token = new_id("sub")
        webhook_url = webhook_url or (self.desk.url if self.desk else None)
        task = Task(
            job_code=new_id("job"),
            model=self.model,
            params={**self.params, **params},
            output_count=1,
            token=token,
            webhook_url=webhook_url and f"{webhook_url}/{token}",
            action=action,
            origin=origin,
        )
        submission = stored(task, self.provider.build_request(task))
        if self.desk:
            self.desk.sent[token] = submission.request
        return submission

    async def submit(self, submission: Submission) -> SubmitOutcome:
        return await self.provider.submit(submission.request)

    async def started(self, **params: Any) -> Ref:
        outcome = await self.submit(self.submission(**params))
        assert isinstance(outcome, Accepted)
        return outcome.ref

    async def watched(self, ref: Ref) -> list[Snapshot]:
        """Every snapshot until the final one. As in polling, a question without an answer is asked again."""
        snapshots: list[Snapshot] = []
        async with asyncio.timeout(LONGEST):
            while not snapshots or not snapshots[-1].final:
                with suppress(ProviderUnavailable):
                    snapshots.append(await self.provider.query(ref))
                await asyncio.sleep(POLL)
        return snapshots

    async def finished(self, **params: Any) -> tuple[Ref, Snapshot]:
        ref = await self.started(**params)
        return ref, (await self.watched(ref))[-1]


def stored(task: Task, request: ProviderRequest) -> Submission:
    return Submission(
        id=1,
        job_code=task.job_code,
        number=1,
        token=task.token,
        request=request,
        intent_at=datetime.now(UTC),
        outcome=None,
        ref=None,
    )


def aged(submission: Submission, age: timedelta) -> Submission:
    return replace(submission, intent_at=submission.intent_at - age)


@asynccontextmanager
async def opened_provider(name: str, settings: BaseModel) -> AsyncIterator[tuple[Provider, WebhookDesk | None]]:
    """With the desk that takes its webhooks, where nothing else tells of its jobs."""
    if not PROVIDERS[name].is_told:
        async with PROVIDERS[name].opened(settings, timeouts=TIMEOUTS) as provider:
            yield provider, None
        return
    desk = WebhookDesk()
    receiver = ScriptedVendor((desk.take,))
    listening = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    desk.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        async with PROVIDERS[name].opened(settings, timeouts=TIMEOUTS, last_report=desk.last_report) as provider:
            desk.provider = provider
            yield provider, desk
    finally:
        listening.close()
        desk.close()
        await asyncio.sleep(0)  # its connections are closed by the loop


async def added_model(name: str, provider: Provider, source: str) -> Model:
    """As `aijobs models add` would add it."""
    assert isinstance(provider, ModelSource)
    definition = definition_of(name, provider, await provider.describe(source), ModelRequest(source=f"{name}:{source}"))
    return Model.model_validate({**definition, "model_id": definition["model_code"]})
