"""What we need from the outside world.

The docstrings are contracts: what is returned, what is raised, what a second call does.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.job import JobBrief, JobError, JobState
from aijobs.domain.jobs.outputs import Download, OutputKind, OutputSource, StoredObject, StoredOutput
from aijobs.domain.jobs.parameters import FollowUp, Parameters
from aijobs.domain.jobs.submissions import CancelOutcome, Found, ProviderRequest, Ref, Search, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import (
    Capabilities,
    IncomingWebhook,
    InputFile,
    JobInput,
    Snapshot,
    Task,
    UploadedFile,
    WebhookHint,
)
from aijobs.domain.webhooks import WebhookMessage, WebhookReply


class Provider(Protocol):
    """A third party that is polled. One file each in providers/."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def download_hosts(self) -> tuple[str, ...]:
        """Hosts that outputs may come from; `*.example.com` covers the domain and everything below it."""
        ...

    def parameters(self, model: Model) -> type[Parameters]:
        """What a caller may send."""
        ...

    async def attach(self, file: InputFile, *, token: str) -> str:
        """Hand over an input by the provider's own upload; returns a link for `Task.params`.

        Costs nothing and may be repeated.
        Raises ProviderUnavailable, or ProviderFailed when the provider will never take the file.
        """
        ...

    def build_request(self, task: Task) -> ProviderRequest:
        """Pure: the same task gives the same request."""
        ...

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        """Send once, without any retry. Never raises for what the network or the provider does: that is an outcome."""
        ...

    async def query(self, ref: Ref) -> Snapshot:
        """Raises ProviderUnavailable (with Retry-After where given)."""
        ...

    async def outputs(self, ref: Ref, snapshot: Snapshot) -> list[OutputSource]:
        """All results, in order; may be empty. Raises ProviderFailed when they are gone for good."""
        ...

    async def cancel(self, ref: Ref) -> CancelOutcome:
        """May be called again. Raises ProviderUnavailable."""
        ...

    async def reconcile(self, submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        """Look for a submission whose outcome is unknown; `known_ids` belong to others. Raises ProviderUnavailable."""
        ...

    def parse_webhook(self, delivery: IncomingWebhook) -> WebhookHint:
        """Raises NotAuthenticated when the signature is missing, wrong or too old, BadInput when it makes no sense."""
        ...


@runtime_checkable
class ActionProvider(Protocol):
    """What a provider has besides, when its finished jobs can be worked on further (Midjourney's upsampling, …)."""

    def follow_up(self, model: Model, action: str | None) -> type[FollowUp] | None:
        """What an action takes; nothing, when it is only another name for the plain job."""
        ...

    def offered(self, answer: Mapping[str, Any]) -> tuple[str, ...]:
        """The actions that a finished job offers, by the answer that it ended with (the last `Snapshot.raw`)."""
        ...


class Generator(Protocol):
    """A synchronous model: our own generation works, in stages. A finished stage is never done again.

    Every method may be repeated, and then goes on with what the call before it has left.
    Raises ProviderUnavailable (it is called again), or ProviderFailed and other permanent errors.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def parameters(self, model: Model) -> type[Parameters]: ...

    async def begin(self, task: Task) -> int:
        """Prepare everything. Returns how many stages there are, at least 1; they are counted from 1."""
        ...

    async def work(self, task: Task, stage: int, report: Callable[[float], Awaitable[None]]) -> None:
        """Do one stage, calling `report` with 0 to 100 on the way through it."""
        ...

    async def finish(self, task: Task) -> list[OutputSource]:
        """The results, once all stages are done."""
        ...


class Records(Protocol):
    """The database, as the steps of a job need it. Every method is one transaction; repeating one changes nothing."""

    async def assignment(self, code: str) -> JobInput:
        """Raises NotFound."""
        ...

    async def state(self, code: str) -> JobState:
        """How a job stands. Raises UnknownJob."""
        ...

    async def uploaded_file(self, code: str, *, user_id: str) -> UploadedFile:
        """Raises NotFound, also for somebody else's file."""
        ...

    async def last_submission(self, code: str) -> Submission | None: ...

    async def intend(self, code: str, *, provider: str, token: str, request: ProviderRequest) -> Submission:
        """Note that a request is about to leave.

        Raises JobIsFinal, CancelRequested and DeadlinePassed: then nothing is sent any more. Raises SubmissionExists
        unless the ones before it were rejected.
        """
        ...

    async def conclude(self, submission: Submission, outcome: SubmitOutcome) -> JobState:
        """Note what became of a submission. Accepted and unknown make the job SUBMITTED; accepted is never undone."""
        ...

    async def known_ids(self, provider: str, *, since: datetime) -> frozenset[str]:
        """The provider's ids of submissions that were accepted since then."""
        ...

    async def advance(
        self,
        code: str,
        to: JobStatus,
        *,
        error: JobError | None = None,
        detail: Mapping[str, Any] | None = None,
        answer: Mapping[str, Any] | None = None,
        provider_may_charge: bool = False,
    ) -> JobState:
        """The one gate. Returns how the job stands afterwards, which is further when the move came too late."""
        ...

    async def keep_answer(self, code: str, answer: Mapping[str, Any]) -> None:
        """The provider's last answer, for whoever wants to know why a job failed. Ended jobs keep theirs."""
        ...

    async def progress(
        self, code: str, status: JobStatus, unit: float, *, stage: tuple[int, int] | None = None
    ) -> None:
        """Coalesced to two events a second. `stage`: the present one, and how many there are; each new one shows."""
        ...

    async def outputs(self, code: str) -> list[StoredOutput]: ...

    async def begin_write(self, key: str, *, job_code: str) -> None:
        """Note that an output is about to be written to the store. Raises JobIsFinal."""
        ...

    async def add_outputs(self, code: str, *outputs: StoredOutput) -> None:
        """The outputs are in the store. Raises JobIsFinal when the job has ended without them: they must be deleted."""
        ...

    async def drop_outputs(self, code: str) -> list[str]:
        """Forget a job's outputs; returns the keys that must be deleted from the store, half-written ones too."""
        ...

    async def clear_conversation(self, code: str) -> None:
        """Erase what was said for a job, if anything was; what it cost is kept. Nothing can be said after that."""
        ...

    async def abandoned_writes(self, *, older_than: timedelta) -> list[str]:
        """Keys that were begun so long ago and are nobody's."""
        ...

    async def forget_write(self, key: str) -> None: ...

    async def record_late_outcome(self, code: str, status: JobStatus, answer: Mapping[str, Any]) -> None:
        """The provider's final word on a job that ended before it: settles or refunds what is held, unless somebody
        has decided already, and is noted in the job's history."""
        ...

    async def note(self, code: str, detail: Mapping[str, Any]) -> None:
        """Add a line to a job's history that changes nothing else."""
        ...

    async def unfinished(self, *, quiet_for: timedelta, after: str, at_most: int) -> list[JobBrief]:
        """Jobs that are not final and of which nothing was heard for so long, by code, those behind `after`."""
        ...

    async def held(self, *, quiet_for: timedelta, at_most: int) -> list[JobBrief]:
        """Jobs whose points are held, that ended so long ago, and that a late watch may still bring a word of."""
        ...

    async def final_among(self, codes: Sequence[str], *, quiet_for: timedelta) -> list[str]:
        """Those of the jobs that have been final for so long."""
        ...

    async def forget_unanswered(self, *, older_than: timedelta) -> int:
        """Drop idempotency keys whose request died before it was answered; returns how many."""
        ...


class ObjectStore(Protocol):
    """Where outputs and uploads live. Keys are `/`-separated ASCII paths."""

    async def put(self, key: str, chunks: AsyncIterator[bytes], *, media_type: str) -> StoredObject:
        """Stream an object of any size into the store with flat memory.

        Whole or not at all: on any failure, cancellation included, nothing of it stays. Replaces what was there.
        Raises StoreUnavailable; what `chunks` raises passes through.
        """
        ...

    def read(self, key: str) -> AsyncIterator[bytes]:
        """Raises NotFound."""
        ...

    async def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        ...

    async def tidy(self, *, older_than: timedelta) -> int:
        """Remove what unfinished puts of dead processes have left; returns how many there were."""
        ...

    async def link(self, key: str, *, lifetime: timedelta, filename: str, media_type: str) -> str:
        """A signed link that anybody may read until it expires; `filename` is part of what is signed."""
        ...

    async def probe(self) -> None:
        """Raises StoreUnavailable with the reason, when the store cannot be used now."""
        ...


class Downloader(Protocol):
    """Fetches outputs without being led astray."""

    def fetch(
        self, source: OutputSource, *, expect: OutputKind, hosts: tuple[str, ...]
    ) -> AbstractAsyncContextManager[Download]:
        """Open a download for as long as the context lasts. `hosts` are those of the provider.

        Raises LinkExpired (403, 404, 410), DownloadInterrupted, or OutputRefused (private address, foreign host,
        too large, not what was promised). The chunks raise DownloadInterrupted and OutputRefused too.
        """
        ...


class WebhookSender(Protocol):
    """Brings webhooks to our callers."""

    async def send(self, notice: WebhookMessage) -> WebhookReply:
        """One signed POST, without any retry. Never raises for what the network or the receiver does: that is a
        reply."""
        ...


class Deliveries(Protocol):
    """The outbox, as a delivery's workflow needs it. Every method is one transaction."""

    def due(self) -> AsyncIterator[list[str]]:
        """For ever: the codes of deliveries whose workflow must be started, a moment after they were written.

        What is told once is told again after a while, unless a try was noted or an end: starting it is idempotent.
        """
        ...

    async def notice(self, code: str) -> WebhookMessage | None:
        """What is to be sent; nothing when the delivery has ended."""
        ...

    async def note_try(self, code: str, reply: WebhookReply, *, next_try_at: datetime | None) -> None:
        """Note how a try went. It was the last one where no other follows. Changes nothing when the delivery has ended.

        Also notes what it means for the endpoint, which is disabled when it is gone or has failed for too long.
        """
        ...
