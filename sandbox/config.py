"""Settings of a sandbox: where it listens, how fast it works, how long its links are valid."""

from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Rules = TypeVar("Rules", bound=BaseModel)

ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not bound


class Pace(BaseModel):
    """How long a job waits in the queue, and how long it is then processed (at least)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    queue_seconds: float = Field(default=1.0, ge=0, le=86_400)
    work_seconds: float = Field(default=3.0, ge=0, le=86_400)


class SandboxConfig(BaseModel):
    """Where the sandbox listens, how fast it works, and which tokens it accepts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=9_400, ge=0, le=65_535)  #: 0 = any free port
    public_url: str | None = None  #: base of every URL handed out; default: the bound address
    pace: Pace = Pace()
    tokens: frozenset[str] = frozenset()  #: empty = any token that is not blank
    webhook_secret: SecretStr | None = None  #: `whsec_…`; default: generated at first start
    link_ttl: timedelta = timedelta(hours=1)
    retention: timedelta = timedelta(hours=1)  #: input, output and logs are erased this long after the end
    file_ttl: timedelta = timedelta(hours=24)
    shortest_deadline: timedelta = timedelta(seconds=5)
    data_dir: Path | None = None  #: None = nothing is kept when the sandbox stops
    page_size: int = Field(default=100, ge=1, le=1_000)
    rules: tuple[BaseModel, ...] = ()  #: limits of single vendors, each an instance of the vendor's own class
    max_file_bytes: int = Field(default=100 * 1024**2, ge=1)
    max_output_pixels: int = Field(default=100_000_000, ge=1)
    work_threads: int = Field(default=2, ge=1, le=64)

    def rules_of(self, kind: type[Rules]) -> Rules:
        """One vendor's rules; the defaults of the class when none are configured."""
        return next((rules for rules in self.rules if isinstance(rules, kind)), kind())

    @property
    def base_url(self) -> str:
        """The base of every URL that this sandbox returns, without a trailing slash."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if self.host in ANY_ADDRESS else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
