"""The file that declares a provider: its sections, and what each of them may hold."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Capabilities
from aijobs.domain.values.durations import Duration
from aijobs.providers.declared.paths import AnswerPath, Path
from aijobs.providers.submit_outcomes import USUAL_STATUSES, ErrorTable, SubmitVerdict

LARGEST_INLINE: Final = 10 * 1024 * 1024  #: bytes of an upload that may travel inside of a request
NAME: Final = r"[a-z][a-z0-9_]{0,39}"

Verb = Literal["GET", "POST", "PUT", "DELETE"]


def _is_web_address(written: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", written):
        raise ValueError("must be an http or https address without a query")
    return written.rstrip("/")


def _is_path(written: str) -> str:
    if not written.startswith("/") or "//" in written.partition("?")[0] or "\\" in written:
        raise ValueError("must begin with one /: it is below the base URL")
    return written


WebAddress = Annotated[str, AfterValidator(_is_web_address)]
UrlPath = Annotated[str, AfterValidator(_is_path)]


class Section(BaseModel):
    """Base of every section: nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class AuthSection(Section):
    """The header that carries the key; `scheme` precedes it."""

    header: str = "Authorization"
    scheme: str = "Bearer"
    check: UrlPath = Field(description="a GET that costs nothing and is refused without a valid key")


class ParameterSection(Section):
    """One parameter of a caller's. The types `image`, `video` and `audio` are links or uploads."""

    type: Literal["string", "integer", "number", "boolean", "image", "video", "audio"] = "string"
    many: bool = False  #: a list of them
    required: bool = False
    default: str | int | float | bool | None = None
    choices: list[str | int | float] = []
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    description: str = ""


class SubmitSection(Section):
    """The request that costs money, and the reference in its answer.

    The parameters go into the body at `params_at`: `.` is its top, `""` nowhere (the templates of `body` place them).
    With `resend_window`, the vendor answers the same request for so long with the job that it has made.
    """

    method: Verb = "POST"
    path: UrlPath
    params_at: str = "."
    body: dict[str, Any] = {}
    headers: dict[str, str] = {}
    ref: dict[str, Path]
    resend_window: Duration | None = None


class QuerySection(Section):
    """A question about one job. `url` is a link of the vendor's own in the reference, used before `path`."""

    path: UrlPath | None = None
    url: str | None = None
    status: Path
    progress: Path | None = None
    progress_scale: float = 100.0  #: what the vendor's 1 is in percent
    queue_position: Path | None = None
    error: Path | None = None
    charge: Path | None = None
    charge_unit: str = "credits"
    at_most_every: Duration | None = None


class StatusSection(Section):
    """The vendor's words. One that is in no list means that the job still runs."""

    queued: list[str] = []
    processing: list[str] = []
    generated: list[str]
    failed: list[str]
    canceled: list[str] = []
    timeout: list[str] = []
    not_found: list[str] = []

    def meaning(self, word: str) -> JobStatus | None:
        """None for a word that nobody has declared, and for those that mean `not found`."""
        return next((status for name, status in STATUS_OF_LIST.items() if word in getattr(self, name)), None)


STATUS_OF_LIST: Final[Mapping[str, JobStatus]] = {
    "queued": JobStatus.QUEUED,
    "processing": JobStatus.PROCESSING,
    "generated": JobStatus.GENERATED,
    "failed": JobStatus.FAILED,
    "canceled": JobStatus.CANCELED,
    "timeout": JobStatus.TIMEOUT,
}


class OutputSection(Section):
    """Where the results are: links, base64 or texts, in the last answer or in that of a `path` of their own.

    `names` are what the path takes of the last answer, as `{finished.NAME}`: a vendor may say only then where they are.
    """

    kind: OutputKind
    path: UrlPath | None = None
    names: dict[str, Path] = {}
    links: Path | None = None
    base64: Path | None = None
    texts: Path | None = None
    with_key: bool = False  #: a download below the base URL needs the key


class CancelSection(Section):
    """A request to stop. `ask_first`: the same call erases a job that has ended, so it is asked about before.

    A success is `answer`, unless a status word is found in it; `too_late` are the statuses that say so.
    """

    method: Verb = "POST"
    path: UrlPath
    ask_first: bool = False
    answer: Literal["canceled", "requested"] = "canceled"
    status: Path | None = None
    too_late: list[int] = [400, 409]


class ProofSection(Section):
    """How a webhook shows that it is the vendor's.

    `secret_header`: the header is the submission's own secret, as it was sent with `{webhook_secret}`.
    `hmac_sha256`: it is the hexadecimal HMAC of the body by that secret, perhaps behind `sha256=`.
    `standard_webhooks`: by the setting WEBHOOK_SECRET. `token`: the path alone.
    """

    kind: Literal["secret_header", "hmac_sha256", "standard_webhooks", "token"]
    header: str | None = None


class WebhookSection(Section):
    """A message about one job: one proof is enough. Where it does not tell more, its `ref` is that of the submit."""

    proof: list[ProofSection] = Field(min_length=1)
    ref: dict[str, Path]
    status: Path | None = None


class ReconcileSection(Section):
    """A list of recent jobs, in each of which `token` finds what the request planted; `path` may name `{token}`."""

    path: UrlPath
    items: Path
    token: Path
    ref: dict[str, Path]
    next: Path | None = None  #: a link to the next page
    window: Duration
    absent_after: Duration | None = None  #: the list is complete after so long: what is missing then never arrived


class UploadSection(Section):
    """Uploads travel inside of the request when nobody can reach our store: as a `data:` link, or as bare base64."""

    inline: Literal["data_link", "base64"]
    at_most: int = Field(default=5_000_000, ge=1, le=LARGEST_INLINE, description="bytes")


class ErrorSection(Section):
    """What answers to a create mean. Statuses are laid over the usual ones; a code is `"quota"` or `"429 quota"`."""

    message: Path = AnswerPath(["message", "detail", "error.message", "error"])
    code: Path | None = None
    rejected: list[int] = []
    blocked: list[int] = []
    later: list[int] = []
    once_more: list[int] = []
    unknown: list[int] = []
    codes: dict[str, SubmitVerdict] = {}

    def table(self) -> ErrorTable:
        statuses = dict(USUAL_STATUSES)
        for verdict in SubmitVerdict:
            statuses |= dict.fromkeys(getattr(self, verdict), verdict)
        codes: dict[tuple[int | None, str], SubmitVerdict] = {}
        for written, verdict in self.codes.items():
            status, _, code = written.partition(" ")
            key = (int(status), code) if code and status.isdecimal() else (None, written)
            codes[key] = verdict
        return ErrorTable(statuses=statuses, codes=codes)


class ExampleSection(Section):
    """Answers of the vendor, as JSON texts, from its documentation: every path is tried on them."""

    submitted: str
    finished: str
    running: str | None = None
    failed: str | None = None
    results: str | None = None
    webhook: str | None = None
    listed: str | None = None


class Declaration(Section):
    """A whole file."""

    label: str = Field(min_length=1, max_length=60)
    docs_url: str = Field(pattern=r"^https://\S+$")
    base_url: WebAddress
    api_hosts: list[str] = []  #: other hosts of its API, which may receive the key; `*.example.com` covers those below
    download_hosts: list[str]
    link_lifetime: Duration | None = None
    rate_limit_per_minute: int | None = None
    auth: AuthSection
    parameters: dict[str, ParameterSection]
    submit: SubmitSection
    query: QuerySection
    statuses: StatusSection
    outputs: OutputSection
    cancel: CancelSection | None = None
    webhook: WebhookSection | None = None
    reconcile: ReconcileSection | None = None
    uploads: UploadSection | None = None
    errors: ErrorSection = ErrorSection()
    examples: ExampleSection

    @property
    def signs_webhooks(self) -> bool:
        """By a secret of the whole account, which is a setting."""
        return self.webhook is not None and any(proof.kind == "standard_webhooks" for proof in self.webhook.proof)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            cancel=self.cancel is not None,
            webhook=self.webhook is not None,
            reconcile_window=self.reconcile.window if self.reconcile else None,
            unit_progress=self.query.progress is not None,
            link_lifetime=self.link_lifetime,
            rate_limit_per_minute=self.rate_limit_per_minute,
            docs_url=self.docs_url,
            resend_window=self.submit.resend_window,
        )
