"""The file that declares a provider: its sections, and what each of them may hold."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aijobs.domain.jobs.outputs import OutputKind
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import Capabilities
from aijobs.domain.values.durations import Duration
from aijobs.domain.values.languages.localized_text import LocalizedText
from aijobs.providers.declared.paths import AnswerPath, Path
from aijobs.providers.submit_outcomes import USUAL_STATUSES, ErrorTable, SubmitVerdict

LARGEST_INLINE: Final = 10 * 1024 * 1024  #: bytes of an upload that may travel inside of a request
NAME: Final = r"[a-z][a-z0-9_]{0,39}"
HEADER_TEXT: Final = re.compile(r"[ -~]*")

Verb = Literal["GET", "POST", "PUT", "DELETE"]


def _is_web_address(written: str) -> str:
    if not re.fullmatch(r"https?://(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?(/[^\s?#]*)?", written):
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

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)


class AuthSection(Section):
    """The header that carries the key; `scheme` precedes it."""

    header: str = Field(default="Authorization", description="the header that carries the key")
    scheme: str = Field(default="Bearer", description="what precedes the key in it; may be empty")
    check: UrlPath = Field(description="a GET that costs nothing and is refused without a valid key")


class ParameterSection(Section):
    """One parameter of a caller's. The types `image`, `video` and `audio` are links or uploads."""

    type: Literal["string", "integer", "number", "boolean", "image", "video", "audio"] = Field(
        default="string", description="images, videos and audio are links or uploads"
    )
    many: bool = Field(default=False, description="a list of them")
    required: bool = Field(default=False, description="whether a caller must send it")
    default: str | int | float | bool | None = Field(
        default=None, description="what is sent when a caller sends nothing"
    )
    choices: list[str | int | float] = Field(default=[], description="the only values it may have")
    minimum: float | None = Field(default=None, description="the smallest number")
    maximum: float | None = Field(default=None, description="the largest number")
    max_length: int | None = Field(default=None, ge=1, description="characters of a text, or members of a list")
    label: LocalizedText | None = Field(default=None, description="what people read instead of its name")
    description: LocalizedText | None = Field(default=None, description="what callers are told of it")


class SubmitSection(Section):
    """The request that costs money, and the reference in its answer.

    The parameters go into the body at `params_at`: `.` is its top, `""` nowhere (the templates of `body` place them).
    With `resend_window`, the vendor answers the same request for so long with the job that it has made.
    """

    method: Verb = Field(default="POST", description="of the request that costs money")
    path: UrlPath = Field(description="below the base URL; a template")
    params_at: str = Field(
        default=".", description='where in the body the parameters go: `.` its top, `""` nowhere, else a field'
    )
    body: dict[str, Any] = Field(default={}, description="what is sent as JSON besides; templates")
    headers: dict[str, str] = Field(default={}, description="sent besides the key; templates")
    ref: dict[str, Path] = Field(description="what to keep of the answer, `id` at least: `{ref.NAME}` elsewhere")
    resend_window: Duration | None = Field(
        default=None, description="for so long the vendor answers the same request with the job it has made"
    )

    @property
    def constant_headers(self) -> dict[str, str]:
        return {name: text for name, text in self.headers.items() if not set("{}") & set(text)}


class QuerySection(Section):
    """A question about one job. `url` is a link of the vendor's own in the reference, used before `path`."""

    path: UrlPath | None = Field(
        default=None, description="of the question about a job; a template. It, or `url`, is needed"
    )
    url: str | None = Field(default=None, description="a link of the vendor's own, used before `path`: `{ref.NAME}`")
    status: Path = Field(description="the word for how the job stands")
    progress: Path | None = Field(default=None, description="a number, or a text like `46%`")
    progress_scale: float = Field(
        default=100.0, gt=0, description="what the vendor's 1 is in percent; `1` where it counts to 100"
    )
    queue_position: Path | None = Field(default=None, description="how many jobs are before it")
    error: Path | None = Field(default=None, description="why a job has failed")
    charge: Path | None = Field(default=None, description="what the job costs at the vendor")
    charge_unit: str = Field(default="credits", description="what the charge is counted in: `USD`, `credits`, …")
    at_most_every: Duration | None = Field(default=None, description="the shortest wait between two questions")


class StatusSection(Section):
    """The vendor's words. One that is in no list means that the job still runs."""

    queued: list[str] = Field(default=[], description="words for a job that waits")
    processing: list[str] = Field(default=[], description="words for one that runs")
    generated: list[str] = Field(description="words for one that is done")
    failed: list[str] = Field(description="words for one that has failed")
    canceled: list[str] = Field(default=[], description="words for one that was stopped")
    timeout: list[str] = Field(default=[], description="words for one that the vendor gave up")
    not_found: list[str] = Field(default=[], description="words for one that the vendor does not know; it is no end")

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

    kind: OutputKind = Field(description="what a job makes")
    path: UrlPath | None = Field(default=None, description="of a question of its own for the results; a template")
    names: dict[str, Path] = Field(
        default={}, description="what `path` takes of the finished answer: `{finished.NAME}`"
    )
    links: Path | None = Field(
        default=None, description="links to the results. One of `links`, `base64` and `texts` is needed"
    )
    base64: Path | None = Field(default=None, description="results within the answer")
    texts: Path | None = Field(default=None, description="results that are words")
    with_key: bool = Field(default=False, description="a download below the base URL needs the key")


class CancelSection(Section):
    """A request to stop. `ask_first`: the same call erases a job that has ended, so it is asked about before.

    A success is `answer`, unless a status word is found in it; `too_late` are the statuses that say so.
    """

    method: Verb = Field(default="POST", description="of the request to stop")
    path: UrlPath = Field(description="a template")
    ask_first: bool = Field(default=False, description="the same call erases a finished job: ask how it stands before")
    answer: Literal["canceled", "requested"] = Field(default="canceled", description="what a success means")
    status: Path | None = Field(
        default=None, description="where a success says the job's status; it counts more than `answer`"
    )
    too_late: list[int] = Field(default=[400, 409], description="statuses that say that it has ended")


class ProofSection(Section):
    """How a webhook shows that it is the vendor's.

    `secret_header`: the header is the submission's own secret, as it was sent with `{webhook_secret}`.
    `hmac_sha256`: it is the hexadecimal HMAC of the body by that secret, perhaps behind `sha256=`.
    `standard_webhooks`: by the setting WEBHOOK_SECRET. `token`: the path alone.
    """

    kind: Literal["secret_header", "hmac_sha256", "standard_webhooks", "token"] = Field(
        description="how a webhook shows that it is the vendor's"
    )
    header: str | None = Field(default=None, description="that carries the secret, or the HMAC")


class WebhookSection(Section):
    """A message about one job: one proof is enough. Where it does not tell more, its `ref` is that of the submit."""

    proof: list[ProofSection] = Field(min_length=1)
    ref: dict[str, Path] = Field(description="what names the job in a webhook, `id` at least")
    status: Path | None = Field(default=None, description="the word for how the job stands")


class ReconcileSection(Section):
    """A list of recent jobs, in each of which `token` finds what the request planted; `path` may name `{token}`."""

    path: UrlPath = Field(description="of a list of recent jobs; it may name `{token}`")
    items: Path = Field(description="the list in the answer")
    token: Path = Field(description="where in a job `{token}` or `{webhook_url}` comes back")
    ref: dict[str, Path] = Field(description="what to keep of it, as in `submit.ref`")
    next: Path | None = Field(default=None, description="a link to the next page")
    window: Duration = Field(description="for how long a lost job is looked for")
    absent_after: Duration | None = Field(
        default=None, description="the list is complete after so long: what is missing then never arrived"
    )


class UploadSection(Section):
    """Uploads travel inside of the request when nobody can reach our store: as a `data:` link, or as bare base64."""

    inline: Literal["data_link", "base64"] = Field(description="how an upload travels within the request")
    at_most: int = Field(default=5_000_000, ge=1, le=LARGEST_INLINE, description="bytes of one")


class ErrorSection(Section):
    """What answers to a create mean. Statuses are laid over the usual ones; a code is `"quota"` or `"429 quota"`."""

    message: Path = Field(default=AnswerPath(["message", "detail", "error.message", "error"]), description="the reason")
    code: Path | None = Field(default=None, description="the vendor's own code")
    rejected: list[int] = Field(default=[], description="HTTP statuses that refuse for good")
    blocked: list[int] = Field(default=[], description="HTTP statuses that refuse until the account acts, such as pays")
    later: list[int] = Field(default=[], description="HTTP statuses that refuse for now")
    once_more: list[int] = Field(default=[], description="HTTP statuses that refuse by mistake at times")
    unknown: list[int] = Field(default=[], description="HTTP statuses after which the job may have been made")
    codes: dict[str, SubmitVerdict] = Field(
        default={},
        description='codes, and what they mean: `no_credit = "blocked"`, or with a status: `"429 quota" = "blocked"`',
    )

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

    submitted: str = Field(description="the answer to a create")
    finished: str = Field(description="a job that is done")
    running: str | None = Field(default=None, description="a job that runs")
    failed: str | None = Field(default=None, description="a job that has failed")
    results: str | None = Field(default=None, description="the answer to `outputs.path`")
    webhook: str | None = Field(default=None, description="the body of a webhook")
    listed: str | None = Field(default=None, description="the answer to `reconcile.path`")


class Declaration(Section):
    """A whole file."""

    label: str = Field(min_length=1, max_length=60, description="the name that people read")
    docs_url: str = Field(pattern=r"^https://\S+$", description="the vendor's documentation")
    base_url: WebAddress = Field(description="where its API is; a setting may replace it")
    api_hosts: list[str] = Field(
        default=[], description="other hosts that may receive the key; `*.example.com` covers those below"
    )
    download_hosts: list[str] = Field(description="hosts of results; `*.example.com` covers it and those below")
    link_lifetime: Duration | None = Field(default=None, description="how long links to results last")
    rate_limit_per_minute: int | None = Field(default=None, ge=1, description="creates in a minute")
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
