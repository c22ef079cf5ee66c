"""What an operator may set: environment variables with the prefix AIJOBS_, nested by `__`.

Each section is declared next to the adapter that needs it. Temporal's own variables (TEMPORAL_ADDRESS, …) stay its own.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    ValidationError,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from aijobs.adapters import chat
from aijobs.adapters.chat import ChatSettings
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.adapters.download.settings import DownloadSettings
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.network.host_patterns import listed
from aijobs.adapters.storage.settings import StoreSettings
from aijobs.adapters.webhooks.settings import WebhookSettings
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.documents.template_files import parse_template
from aijobs.domain.values.durations import Duration
from aijobs.domain.values.secret_forms import AijobsKey, InstallationSecret
from aijobs.domain.vendor import Vendor
from aijobs.persistence.access.secret import data_secret
from aijobs.persistence.documents.templates import TemplateFile
from aijobs.providers.registry import PROVIDERS, ProviderSettings

PREFIX: Final = "AIJOBS_"
NESTED_BY: Final = "__"

#: Every outside service that is switched on by a token, by the name of its section.
VENDORS: Final[Mapping[str, Vendor]] = {
    **{name: package.vendor for name, package in PROVIDERS.items()},
    "chat": chat.VENDOR,
}

SHIPPED_CATALOGUE: Final = Path(__file__).parent / "domain" / "catalogue.toml"
SHIPPED_TEMPLATES: Final = Path(__file__).parent / "adapters" / "documents" / "samples"


class SettingsError(ValueError):
    """Something is set wrongly; the text names the variable."""


class PointsSettings(BaseModel):
    """The daily allowance of each user, in points. Days are UTC days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    daily_limit: int = Field(default=100, ge=0)


def _are_origins(written: tuple[str, ...]) -> tuple[str, ...]:
    for origin in written:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError(f"{origin!r} is no origin, as https://app.example.com is; there is no wildcard")
    return written


#: A setting: origins as browsers write them.
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_are_origins)]


def _are_hosts(written: tuple[str, ...]) -> tuple[str, ...]:
    for host in written:
        if not re.fullmatch(r"\*|(\*\.)?[A-Za-z0-9._-]+|[0-9A-Fa-f:]+", host):
            raise ValueError(f"{host!r} is no host, as jobs.example.com and *.example.com are; leave out the port")
    return written


def _are_networks(written: tuple[str, ...]) -> tuple[str, ...]:
    for network in written:
        ip_network(network)
    return written


#: A setting: host names of the API.
HostNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_are_hosts)]

#: A setting: addresses and networks, for example `10.0.0.0/8`.
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed), AfterValidator(_are_networks)]


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


class WorkerSettings(BaseModel):
    """How much one worker process does at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider_calls: int = Field(default=50, ge=1)
    migrations: int = Field(default=8, ge=1)
    webhooks: int = Field(default=50, ge=1)
    repair_every: Duration = timedelta(seconds=30)
    abandoned_after: Duration = timedelta(days=1)  #: a write to the store that has not ended by then never will
    shutdown_patience: Duration = timedelta(seconds=20)


class CliSettings(BaseModel):
    """Which API the command line speaks to, when it is not the one of this data directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    key: AijobsKey | None = None


def _without_extras(url: HttpUrl) -> HttpUrl:
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("must be a host and at most a path: no user, query or fragment")
    return url


PublicUrl = Annotated[HttpUrl, AfterValidator(_without_extras)]


class Settings(BaseSettings, ProviderSettings):
    """Everything, read once in a composition root."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=NESTED_BY, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    data_dir: Path = Path(".aijobs")
    secret: InstallationSecret | None = None  #: signs links and tokens; without it one is made in the data directory
    database_url: str | None = None
    public_url: PublicUrl | None = None
    catalogue: Path | None = None
    templates: Path | None = None  #: a directory of TOML files, one for each template of document jobs
    points: PointsSettings = PointsSettings()
    store: StoreSettings = StoreSettings()
    download: DownloadSettings = DownloadSettings()
    documents: DocumentSettings = DocumentSettings()
    pictures: PictureSettings = PictureSettings()
    chat: ChatSettings = ChatSettings()
    webhooks: WebhookSettings = WebhookSettings()
    api: ApiSettings = ApiSettings()
    worker: WorkerSettings = WorkerSettings()
    cli: CliSettings = CliSettings()

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the environment. Raises SettingsError that names every variable which is unknown or wrong."""
        seen = os.environ if environment is None else environment
        if unknown := sorted({name for name in seen if name.startswith(PREFIX)} - set(_variables(cls, PREFIX))):
            raise SettingsError(f"Unknown setting{'s' if len(unknown) > 1 else ''}: {', '.join(unknown)}")
        try:
            return cls()
        except ValidationError as invalid:
            raise SettingsError("; ".join(_wrong(invalid))) from None

    def has_key(self, vendor: str) -> bool:
        """Whether it is one of VENDORS, and switched on."""
        return vendor in VENDORS and bool(self.section(vendor).token)

    @property
    def database(self) -> str:
        """An SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'aijobs.db'}"

    def load_secret(self) -> bytes:
        """What links and tokens are signed with, and keys are peppered with. All processes need the same."""
        return self.secret.get_secret_value().encode() if self.secret else data_secret(self.data_dir)

    @property
    def reachable_url(self) -> str | None:
        """Where providers reach the API, without a slash at the end."""
        return str(self.public_url).rstrip("/") if self.public_url else None

    @property
    def base_url(self) -> str:
        """The start of links that the API serves."""
        return self.reachable_url or f"http://{self.api.host}:{self.api.port}"

    def load_catalogue(self) -> Catalogue:
        """Raises SettingsError when the operator's file is missing or wrong."""
        layers = [SHIPPED_CATALOGUE.read_text("utf-8")]
        try:
            if self.catalogue is not None:
                layers.append(self.catalogue.read_text("utf-8"))
            return Catalogue.parse(*layers)
        except (OSError, ValueError) as wrong:
            raise SettingsError(f"{PREFIX}CATALOGUE: {wrong}") from wrong

    def load_templates(self) -> dict[str, TemplateFile]:
        """The shipped templates, and the operator's over them. Raises SettingsError when a file is wrong."""
        folders = [SHIPPED_TEMPLATES] if self.templates is None else [SHIPPED_TEMPLATES, self.templates]
        try:
            files = [file for folder in folders for file in sorted(folder.iterdir()) if file.suffix == ".toml"]
            return {file.stem: _template_in(file) for file in files}
        except (OSError, ValueError) as wrong:
            raise SettingsError(f"{PREFIX}TEMPLATES: {wrong}") from wrong


class GivenSettings(Settings):
    """Settings that code gives, for benchmarks and tests; whatever is not given has its default."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment is not read."""
        return (init_settings,)


def variable(section: str, field: str) -> str:
    """The environment variable of one field of a section."""
    return f"{PREFIX}{section.upper()}{NESTED_BY}{field.upper()}"


def _template_in(file: Path) -> TemplateFile:
    content = file.read_bytes()
    return TemplateFile(
        template_id=file.stem,
        definition=parse_template(file.stem, content.decode()),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _variables(section: type[BaseModel], prefix: str) -> Iterator[str]:
    """The names of all variables, those of nested sections included."""
    for name, declared in section.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        yield variable
        if isinstance(declared.annotation, type) and issubclass(declared.annotation, BaseModel):
            yield from _variables(declared.annotation, variable + NESTED_BY)


def _wrong(invalid: ValidationError) -> Iterator[str]:
    for error in invalid.errors():
        yield f"{PREFIX}{NESTED_BY.join(str(part).upper() for part in error['loc'])}: {error['msg']}"
