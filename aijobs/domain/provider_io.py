"""What goes to a provider, and what comes back from it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.job import JobError, JobState
from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.jobs.submissions import ProviderRequest, Ref, Submission
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.values.money import Cost, CostSource, PriceUnit, VendorPrice, is_currency

RESEND_MARGIN: Final = timedelta(minutes=3)
"""A request that is sent again arrives no later than this after the decision: longer than any call may last."""

REPORT_LIFETIME: Final = timedelta(days=1)
"""What a vendor has told of a job is kept for so long after it, and at least until the job has ended."""


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """A provider's capability sheet, served by the API. Absent durations mean: not known, or not offered.

    `resend_window` is for vendors with a true idempotency key alone: for so long after the first send, the same request
    is answered with the job that it has made, and makes no other. `account_webhook`: webhooks go to one address for the
    whole account, `/api/webhooks/<provider>/account`. Without `reads_links`, uploads are handed over by `attach` alone.
    """

    cancel: bool
    webhook: bool
    reconcile_window: timedelta | None
    unit_progress: bool
    link_lifetime: timedelta | None
    rate_limit_per_minute: int | None = None
    docs_url: str
    resend_window: timedelta | None = None
    account_webhook: bool = False
    reads_links: bool = True

    def may_resend(self, intent_at: datetime, *, now: datetime) -> bool:
        """Whether a request of then, sent again now, surely arrives while the vendor still knows the first."""
        return self.resend_window is not None and now < intent_at + self.resend_window - RESEND_MARGIN

    def may_be_on_its_way_again(self, intent_at: datetime, *, now: datetime) -> bool:
        """Whether a request of then may be arriving again right now: its absence is no proof yet."""
        return self.resend_window is not None and now < intent_at + self.resend_window


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """What a vendor says of one of its models. `model` is its name there, pinned where the vendor has versions."""

    model: str
    model_version: str
    title: str
    description: str
    platform: str
    type: str
    output_kind: OutputKind
    input_schema: Mapping[str, Any]
    processing: timedelta  #: the longest that one run may take


@dataclass(frozen=True, kw_only=True)
class JobInput:
    """A job's request, as stored in the database."""

    code: str
    user_id: str
    model_id: str
    params: Mapping[str, Any]
    output_count: int
    action: str | None = None
    origin: str | None = None  #: the code of the finished job that the action is done to
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """A caller's upload in our own store."""

    code: str
    key: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, kw_only=True)
class SubmitInput:
    """What a submit needs to know of a job. `last` is the last submission, and `origin` the origin's reference.

    `line` is the credential in whose line the job is, if it waits for a slot or has been granted one.
    `may_be_held_back`: something is paused, perhaps what the job would be sent with.
    `may_have_been_sent_since`: the database is a copy of that moment, and has forgotten what was sent after it.
    `files` are the uploads that the parameters name, by their codes, without those that are not this user's.
    """

    state: JobState
    last: Submission | None
    assignment: JobInput
    files: Mapping[str, UploadedFile]
    origin: Ref | None
    line: str | None = None
    may_be_held_back: bool = False
    may_have_been_sent_since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """A caller's uploaded file, on its way to a provider."""

    name: str
    media_type: str
    size: int
    chunks: Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A job for a provider. File parameters are already links that the provider can read.

    A generator gets the uploads that its file parameters name as `files`, by the names of the parameters.
    An action on a finished job comes with the provider's own reference to that job, its `origin`.
    """

    job_code: str
    model: Model
    params: Mapping[str, Any]
    output_count: int
    token: str
    webhook_url: str | None
    files: Mapping[str, UploadedFile] = field(default_factory=dict)
    action: str | None = None
    origin: Ref | None = None
    prepared: Mapping[str, str] = field(default_factory=dict)  #: what PreparingProvider.prepare has returned


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What a vendor says that a job costs there, in its own `unit` (credits, USD, …). It settles no points of ours."""

    amount: Decimal
    unit: str

    def as_detail(self) -> dict[str, str]:
        return {"amount": f"{self.amount:f}", "unit": self.unit}

    def cost(self, price: VendorPrice | None) -> Cost | None:
        """In money, where the bill is in money or the operator's price is of its unit."""
        if is_currency(self.unit):
            return Cost.of(self.amount, self.unit, CostSource.BILL)
        return price.times(self.amount) if price is not None and price.unit is PriceUnit.BILLED else None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a provider says about a submission now.

    `definite=False` means that "not found" or "unknown" came too early to be trusted. A `final` snapshot has
    status GENERATED, FAILED, TIMEOUT or CANCELED. `unit_progress` is 0 to 100. `raw` is the answer itself.
    `nothing_made`: the provider says in so many words that it was interrupted, and is to be asked once more.
    `finished_at` is when the work was done, where the provider says so.
    """

    status: JobStatus
    raw_status: str
    final: bool
    definite: bool = True
    unit_progress: float | None = None
    queue_position: int | None = None
    error: JobError | None = None
    poll_after: timedelta | None = None
    finished_at: datetime | None = None
    charge: Charge | None = None
    nothing_made: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class IncomingWebhook:
    """A webhook as it came in. The body is raw: signatures are over bytes."""

    headers: Mapping[str, str]  #: names in lower case
    body: bytes
    token: str  #: the last part of the path, planted by us
    sent: ProviderRequest | None = None  #: the request that planted it

    def time_in(self, header: str) -> datetime | None:
        """Of a header of a verified webhook that has seconds of Unix."""
        try:
            return datetime.fromtimestamp(float(self.headers.get(header, "")), UTC)
        except (ValueError, OverflowError, OSError):
            return None


@dataclass(frozen=True, kw_only=True)
class VendorReport:
    """What a vendor has told of a job, whose token it knew. The last one counts, and a `final` one for ever."""

    content: Mapping[str, Any]
    final: bool


#: The content of what was last told of a job, by the vendor's id of it; None before anything was.
LastReport = Callable[[str], Awaitable[Mapping[str, Any] | None]]


@dataclass(frozen=True)
class WebhookHint:
    """A verified webhook only causes the next poll to happen now; its content is never trusted.

    `ref` resolves a submission whose outcome is unknown. `report` is for vendors that cannot be asked about a job: it
    is kept, and the next poll reads it. `sent_at` is when this delivery was sent, where the signature covers that.
    """

    delivery_id: str | None
    raw_status: str | None
    ref: Ref | None
    report: VendorReport | None = None
    sent_at: datetime | None = None
