"""Sections of the settings for our own processes: the API, workers, the command line."""

from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import NoDecode

from aijobs.adapters.network.host_names import HostNames, Networks, Origins
from aijobs.adapters.network.host_patterns import listed
from aijobs.domain.values.durations import Duration
from aijobs.domain.values.payload_keys import PayloadKeyList, PayloadKeys
from aijobs.domain.values.scopes import AccessRole
from aijobs.domain.values.secret_forms import AijobsKey


def _none_if_empty(written: object) -> object:
    return written or None


#: A setting: whom to tell of a weakness, as RFC 9116 has it.
SecurityContact = Annotated[
    str | None,
    Field(pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://[^\s]+|tel:\+?[0-9.-]+)$"),
    BeforeValidator(_none_if_empty),
]


DEFAULT_PORTS: Final = {"http": 80, "https": 443}
GROUP: Final = "group:"
EVERYBODY: Final = "*"


class HeaderFamily(StrEnum):
    """The headers by which a proxy tells who somebody is. It must take away what a client sends under these names."""

    FORWARDED = "x-forwarded"  #: X-Forwarded-User, -Email, -Groups: oauth2-proxy in front of us
    AUTH_REQUEST = "x-auth-request"  #: X-Auth-Request-User, -Email, -Groups: nginx's auth_request and oauth2-proxy


def _are_members(written: tuple[str, ...]) -> tuple[str, ...]:
    for member in written:
        is_group = member.startswith(GROUP) and len(member) > len(GROUP)
        if not (is_group or member == EVERYBODY or "@" in member):
            raise ValueError(f"{member!r} is neither an e-mail address, nor `group:NAME`, nor `*` for everybody")
    return written


#: A setting: e-mail addresses, and groups as `group:sre`.
Members = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_are_members)]


class SignInSettings(BaseModel):
    """Which proxies are believed when they say who somebody is, and what those people may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    proxies: Networks = ()  #: addresses of the proxy itself, as we see its connections
    headers: HeaderFamily = HeaderFamily.FORWARDED
    viewers: Members = ()
    operators: Members = ()
    admins: Members = ()
    sign_out: str = "/oauth2/sign_out"  #: where the proxy forgets somebody

    @model_validator(mode="after")
    def _somebody_is_let_in(self) -> "SignInSettings":
        if self.proxies and not (self.viewers or self.operators or self.admins):
            raise ValueError("name who is let in: VIEWERS, OPERATORS or ADMINS")
        if EVERYBODY in self.admins:
            raise ValueError("ADMINS cannot be everybody: name people or groups")
        return self

    def role_of(self, email: str | None, groups: frozenset[str]) -> AccessRole | None:
        """The highest role of somebody with this e-mail address, in lower case, and these groups; None without any."""
        known = {f"{GROUP}{group}" for group in groups} | {EVERYBODY}
        for role, members in (
            (AccessRole.ADMIN, self.admins),
            (AccessRole.OPERATOR, self.operators),
            (AccessRole.VIEWER, self.viewers),
        ):
            if known.intersection(members) or (email and email in {member.lower() for member in members}):
                return role
        return None


class ApiSettings(BaseModel):
    """Where the API listens, and how much it takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    max_body_bytes: int = 256 * 1024
    max_upload_bytes: int = 50 * 1024 * 1024
    link_lifetime: Duration = timedelta(hours=1)
    session_idle: Duration = timedelta(hours=12)  #: a browser's session that is not used for so long is over
    session_lifetime: Duration = timedelta(days=7)
    temporal_ui: HttpUrl | None = None  #: of Temporal's Web UI, for links; `…/namespaces/<name>` if it is not `default`
    streams_per_user: int = Field(default=20, ge=1)  #: of an end user with a token, a ticket or a session
    streams_per_key: int = Field(default=500, ge=1)
    streams: int = Field(default=3000, ge=1)  #: of one process
    allowed_origins: Origins = ()  #: other sites whose pages may call, for example https://app.example.com
    allowed_hosts: HostNames = ()  #: besides the public URL's and loopback's names; `*` is any
    trusted_proxies: Networks = ("127.0.0.0/8", "::1")  #: whose X-Forwarded-For counts, however many connections
    connections_per_address: int = Field(default=256, ge=1)  #: of everybody else's addresses; IPv6 by /64
    wrong_keys_per_address: int = Field(default=30, ge=1)  #: in a minute; a right key is always let in
    wrong_keys_per_key: int = Field(default=10, ge=1)
    security_contact: SecurityContact = None  #: for `/.well-known/security.txt`
    sign_in: SignInSettings = SignInSettings()
    access_log: bool = True  #: a line in the log for each request
    shutdown_notice: Duration = timedelta(0)  #: how long health checks say so before the process stops listening

    @property
    def web_ui_origin(self) -> str | None:
        """Of Temporal's Web UI, as browsers send it."""
        if self.temporal_ui is None:
            return None
        scheme, host, port = self.temporal_ui.scheme, self.temporal_ui.host, self.temporal_ui.port
        is_usual = port is None or port == DEFAULT_PORTS[scheme]
        return f"{scheme}://{host}" if is_usual else f"{scheme}://{host}:{port}"


#: Settings: the name of a deployment in Temporal's account of them, and of one version of its code (a build id).
DeploymentName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
BuildId = Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$"), BeforeValidator(_none_if_empty)]


def _an_address(written: str) -> str:
    host, _, port = written.rpartition(":")
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
        is_valid = 0 < int(port) <= 65535
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError("must be an IP address and a port, for example 127.0.0.1:9464")
    return written


#: A setting: where to listen.
Address = Annotated[str, AfterValidator(_an_address)]


class WorkerSettings(BaseModel):
    """How much one worker process does at once, and which version of the code it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workflow_tasks: int = Field(default=100, ge=2)
    cached_workflows: int = Field(default=500, ge=0)  #: kept in memory between their steps, 0.2 to 0.6 MB each
    provider_calls: int = Field(default=50, ge=1)
    migrations: int = Field(default=8, ge=1)
    transfers: int = Field(default=8, ge=1)  #: of outputs; each holds up to four parts of 8 MiB, so 256 MiB together
    outputs_at_once: int = Field(default=4, ge=1)  #: of one job, so that it does not take the transfers of all others
    webhooks: int = Field(default=50, ge=1)
    batches: int = Field(default=100, ge=1)  #: that move; one that pauses or waits for its time takes no place
    repair_every: Duration = timedelta(seconds=30)
    abandoned_after: Duration = timedelta(days=1)  #: a write to the store that has not ended by then never will
    shutdown_patience: Duration = timedelta(seconds=20)
    version: BuildId = None  #: of the code; a running job stays with the version that began it
    deployment: DeploymentName = "aijobs"  #: of whose versions Temporal keeps account
    health_file: Path | None = None  #: written every few seconds, for `aijobs worker --healthcheck`
    metrics_address: Address | None = None  #: where Prometheus reads this worker's figures, as 127.0.0.1:9464


class PayloadSettings(BaseModel):
    """The encryption of what Temporal keeps. Every process of an installation needs the same keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: PayloadKeyList = SecretStr("")  #: `id:base64,…`: the first encrypts, all decrypt; without any, nothing is

    @property
    def ring(self) -> PayloadKeys | None:
        """None without keys."""
        written = self.keys.get_secret_value().strip()
        return PayloadKeys.parse(written) if written else None


class CliSettings(BaseModel):
    """Which API the command line speaks to, when it is not the one of this data directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    key: AijobsKey | None = None
