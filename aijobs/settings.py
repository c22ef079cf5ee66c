"""What an operator may set: environment variables with the prefix AIJOBS_, nested by `__`.

Each section is declared next to the adapter that needs it. Temporal's own variables (TEMPORAL_ADDRESS, …) stay its own.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from aijobs.adapters import chat
from aijobs.adapters.chat import ChatSettings
from aijobs.adapters.documents.settings import DocumentSettings
from aijobs.adapters.download.settings import DownloadSettings
from aijobs.adapters.media.settings import PictureSettings
from aijobs.adapters.storage.settings import StoreSettings
from aijobs.adapters.webhooks.settings import WebhookSettings
from aijobs.domain.catalogue import Catalogue
from aijobs.domain.documents.template_files import TemplateFile, read_template
from aijobs.domain.jobs.retention import RetentionSettings
from aijobs.domain.jobs.slots.limits import LimitsSettings
from aijobs.domain.ports.credentials import provider_in
from aijobs.domain.values.request_rates import RateLimitSettings
from aijobs.domain.values.secret_forms import InstallationSecret
from aijobs.domain.vendor import Vendor
from aijobs.generators.names import GENERATORS
from aijobs.logs.settings import LogSettings
from aijobs.persistence.access.secret import data_secret
from aijobs.persistence.postgresql_settings import PostgresqlSettings
from aijobs.process_settings import ApiSettings, CliSettings, PayloadSettings, WorkerSettings
from aijobs.providers.registry import PROBLEMS, PROVIDERS, ProviderSettings
from aijobs.providers.third_party import FOLDER
from aijobs.setting_files import SettingFileError, file_variables, read_files
from aijobs.tracing.settings import TraceSettings

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


def _without_extras(url: HttpUrl) -> HttpUrl:
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("must be a host and at most a path: no user, query or fragment")
    return url


#: A setting: the address that clients reach the API by.
PublicUrl = Annotated[HttpUrl, AfterValidator(_without_extras)]


def _taken_names(settings: type[BaseModel]) -> list[str]:
    """Providers that are not shipped, and have the name of another section."""
    own = settings.__annotations__.keys()
    return [f"{name}: this is the name of a section of the settings" for name in PROVIDERS if name in own]


class EnvironmentAndFiles(EnvSettingsSource):
    """The environment, and the files that it names for settings."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        known = set(_variables(self.settings_cls, PREFIX))
        named = {name.lower() for name in file_variables(os.environ, known)}
        given = {name: value for name, value in super()._load_env_vars().items() if name not in named}
        return given | {name.lower(): value for name, value in read_files(os.environ, known).items()}


class Settings(BaseSettings, ProviderSettings):
    """Everything, read once in a composition root."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=NESTED_BY, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    data_dir: Path = Path(".aijobs")
    sandbox_url: HttpUrl | None = None  #: of the sandbox that stands in for vendors: jobs may ask it for faults
    one_host: bool = (
        False  #: every process runs on this host, with this data directory: see aijobs/hosts/deployment_check.py
    )
    secret: InstallationSecret | None = None  #: signs links and tokens; without it one is made in the data directory
    database_url: str | None = None
    public_url: PublicUrl | None = None
    catalogue: Path | None = None
    provider_files: Path | None = None  #: a directory of TOML files, one for each provider that is declared by it
    templates: Path | None = None  #: a directory of TOML files, one for each template of document jobs
    points: PointsSettings = PointsSettings()
    limits: LimitsSettings = LimitsSettings()
    retention: RetentionSettings = RetentionSettings()
    postgresql: PostgresqlSettings = PostgresqlSettings()
    store: StoreSettings = StoreSettings()
    download: DownloadSettings = DownloadSettings()
    documents: DocumentSettings = DocumentSettings()
    pictures: PictureSettings = PictureSettings()
    chat: ChatSettings = ChatSettings()
    webhooks: WebhookSettings = WebhookSettings()
    api: ApiSettings = ApiSettings()
    rate_limits: RateLimitSettings = RateLimitSettings()
    worker: WorkerSettings = WorkerSettings()
    traces: TraceSettings = TraceSettings()
    payloads: PayloadSettings = PayloadSettings()
    log: LogSettings = LogSettings()
    cli: CliSettings = CliSettings()

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the process's environment. Raises SettingsError that names every variable which is unknown or wrong.

        The names in `environment`, where it is given, are those that must be known.
        """
        if problems := [*PROBLEMS, *_taken_names(cls)]:
            raise SettingsError("\n".join(problems))
        seen = os.environ if environment is None else environment
        known = set(_variables(cls, PREFIX))
        if unknown := sorted(
            {name for name in seen if name.startswith(PREFIX)} - {*known, *file_variables(seen, known)}
        ):
            sections = {
                name.removeprefix(PREFIX).partition(NESTED_BY)[0].lower() for name in unknown if NESTED_BY in name
            }
            hint = f" (is {FOLDER} set?)" if sections - cls.model_fields.keys() and FOLDER not in seen else ""
            raise SettingsError(f"Unknown setting{'s' if len(unknown) > 1 else ''}: {', '.join(unknown)}{hint}")
        try:
            return cls()
        except ValidationError as invalid:
            raise SettingsError("; ".join(_wrong(invalid))) from None
        except SettingFileError as wrong:
            raise SettingsError(str(wrong)) from wrong

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment and its files."""
        return init_settings, EnvironmentAndFiles(settings_cls)

    def has_key(self, vendor: str) -> bool:
        """Whether it is one of VENDORS, and switched on."""
        return vendor in VENDORS and bool(self.section(vendor).token)

    @property
    def database(self) -> str:
        """An SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'aijobs.db'}"

    def load_secret(self) -> bytes:
        """What links and tokens are signed with, and keys are peppered with. All processes need the same.

        Without the setting one is made in the data directory. Raises SettingsError where each host would make its own.
        """
        if self.secret:
            return self.secret.get_secret_value().encode()
        if not is_sqlite(self.database):
            raise SettingsError(self.missing_secret)
        return data_secret(self.data_dir)

    @property
    def missing_secret(self) -> str:
        """What is wrong with a database that several hosts share, and no secret that they share."""
        return (
            f"{PREFIX}SECRET: with PostgreSQL every host needs the same secret, and none would be made: "
            f"set it, or {PREFIX}SECRET_FILE, to a random text of at least 16 characters, equal on all hosts"
        )

    @property
    def reachable_url(self) -> str | None:
        """Where providers reach the API, without a slash at the end."""
        return str(self.public_url).rstrip("/") if self.public_url else None

    @property
    def sandbox(self) -> str | None:
        """Where the sandbox answers, without a slash at the end."""
        return str(self.sandbox_url).rstrip("/") if self.sandbox_url else None

    @property
    def base_url(self) -> str:
        """The start of links that the API serves."""
        return self.reachable_url or f"http://{self.api.host}:{self.api.port}"

    def load_catalogue(self) -> Catalogue:
        """Raises SettingsError when the operator's file is missing or wrong, or names no provider, as a limit may."""
        layers = [SHIPPED_CATALOGUE.read_text("utf-8")]
        try:
            if self.catalogue is not None:
                layers.append(self.catalogue.read_text("utf-8"))
            catalogue = Catalogue.parse(*layers)
        except (OSError, ValueError) as wrong:
            raise SettingsError(f"{PREFIX}CATALOGUE: {wrong}") from wrong
        for model in catalogue:
            known = PROVIDERS.keys() if model.asyn else GENERATORS
            if model.provider not in known:
                raise SettingsError(
                    f"{PREFIX}CATALOGUE: The catalogue's model {model.model_id!r} is wrong: "
                    f"there is no provider named {model.provider!r} (known: {', '.join(sorted(known))})"
                )
        if strangers := {*map(provider_in, self.limits.credentials)} - {model.provider for model in catalogue}:
            raise SettingsError(f"{variable('limits', 'credentials')}: no model is of {', '.join(sorted(strangers))}")
        return catalogue

    def load_templates(self) -> dict[str, TemplateFile]:
        """The shipped templates, and the operator's over them. Raises SettingsError when a file is wrong."""
        folders = [SHIPPED_TEMPLATES] if self.templates is None else [SHIPPED_TEMPLATES, self.templates]
        try:
            files = [file for folder in folders for file in sorted(folder.iterdir()) if file.suffix == ".toml"]
            return {file.stem: read_template(file) for file in files}
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


def is_sqlite(database: str) -> bool:
    """Whether an SQLAlchemy URL is that of a file on this host."""
    return database.partition(":")[0].partition("+")[0] == "sqlite"


def variable(section: str, field: str) -> str:
    """The environment variable of one field of a section."""
    return f"{PREFIX}{section.upper()}{NESTED_BY}{field.upper()}"


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
