"""Options that several commands have, and how they are read."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from aijobs.domain.lifecycle import JobStatus
from aijobs.settings import Settings, SettingsError
from cli.api_client import ApiClient, Document, opened_api_client
from cli.errors import CommandError, Exit

KEY_FILE: Final = "key"
_OF_A_DAY: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_AGO: Final = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
URL_FILE: Final = "url"  #: the API's URL while `aijobs up` runs with this data directory
SANDBOX_FILE: Final = "sandbox.url"  #: where its sandbox answers
TEMPORAL_FILE: Final = "temporal"  #: the address of the Temporal that it uses

JOB_PREFIX: Final = "job_"
COMPLETE_WITHIN: Final = timedelta(seconds=3)
COMPLETED: Final = 30  #: words that a completion offers

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Everything aijobs keeps here. Default: AIJOBS_DATA_DIR or .aijobs.")
]
Url = Annotated[str | None, typer.Option("--url", help="The API. Default: the one that `aijobs up` runs here.")]
Key = Annotated[str | None, typer.Option("--key", help="The API key. Default: the file `key` in the data directory.")]
User = Annotated[str | None, typer.Option("--user", help="With a service key: the end user to act for.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
Priority = Annotated[
    int | None, typer.Option(min=1, max=5, help="1 first, 5 last, among the user's own jobs that wait.")
]
StartAt = Annotated[
    str | None,
    typer.Option("--start-at", metavar="TIME", help="Not before: 22:00 (the next one here), or 2026-11-21T22:00Z."),
]
ExpiresAt = Annotated[
    str | None, typer.Option("--expires-at", metavar="TIME", help="Cancel it when it has not started by then.")
]


@dataclass(frozen=True)
class ApiOptions:
    """The options that say which API to call, and as whom."""

    url: str | None
    key: str | None
    user: str | None
    data_dir: Path | None

    @asynccontextmanager
    async def api(self) -> AsyncIterator[ApiClient]:
        settings = load_settings(self.data_dir)
        async with opened_api_client(
            url=self.url or api_url(settings), key=self.key or api_key(settings), user=self.user
        ) as api:
            yield api

    def call(self, request: Callable[[ApiClient], Awaitable[Document]]) -> Document:
        """The response of one request."""

        async def send() -> Document:
            async with self.api() as api:
                return await request(api)

        return asyncio.run(send())


def load_settings(data_dir: Path | None = None) -> Settings:
    """Load the settings; `data_dir` is also set for the processes that are started. Raises SettingsError."""
    if data_dir is not None:
        os.environ["AIJOBS_DATA_DIR"] = str(data_dir)
    return Settings.load()


def api_url(settings: Settings) -> str:
    """The URL that is set for the command line, else that of this data directory's installation."""
    if settings.cli.url:
        return settings.cli.url
    value = line_in(settings.data_dir / URL_FILE)
    return value if value and not settings.public_url else settings.base_url


def use_running_temporal(settings: Settings) -> bool:
    """Speak to the Temporal of this data directory's running installation, unless TEMPORAL_ADDRESS names one.

    Returns whether one is named.
    """
    if "TEMPORAL_ADDRESS" in os.environ:
        return True
    if address := line_in(settings.data_dir / TEMPORAL_FILE):
        os.environ["TEMPORAL_ADDRESS"] = address
    return False


def api_key(settings: Settings) -> str:
    if settings.cli.key:
        return settings.cli.key.get_secret_value()
    value = line_in(settings.data_dir / KEY_FILE)
    if value is None:
        raise CommandError(
            f"There is no API key: {settings.data_dir / KEY_FILE} does not exist.",
            hint="`aijobs up` makes one. For another installation give --url and --key, or set AIJOBS_CLI__KEY.",
        )
    return value


def moment(text: str | None, *, now: datetime | None = None) -> str | None:
    """`22:00`, the next one, or a date and time, as RFC 3339; None without a text. Raises CommandError.

    Without a zone they are this machine's.
    """
    if text is None:
        return None
    here = (now or datetime.now(UTC)).astimezone()
    if of_a_day := _OF_A_DAY.fullmatch(text.strip()):
        hour, minute = map(int, of_a_day.groups())
        today = here.replace(tzinfo=None, hour=hour, minute=minute, second=0, microsecond=0)
        next_one = today if today.astimezone() > here else today + timedelta(days=1)
        return next_one.astimezone().isoformat()
    try:
        parsed = datetime.fromisoformat(text.strip())
        return parsed.isoformat() if parsed.tzinfo else parsed.astimezone().isoformat()
    except (ValueError, OverflowError):
        hint = "For example 22:00, 2026-11-21T22:00 (here), or 2026-11-21T22:00Z."
        raise CommandError(f"{text!r} is no time.", hint=hint, code=Exit.USAGE) from None


def past_moment(text: str | None) -> str | None:
    """`90m`, `2h` or `3d` ago, or what `moment` reads, as RFC 3339. Raises CommandError."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text.strip()):
        try:
            return (datetime.now(UTC) - int(ago[1]) * _UNITS[ago[2]]).isoformat()
        except OverflowError:
            raise CommandError(f"{text} is longer than the calendar.", code=Exit.USAGE) from None
    if _OF_A_DAY.fullmatch(text.strip()):
        today = moment(text)
        assert today is not None
        return (datetime.fromisoformat(today) - timedelta(days=1)).isoformat()
    return moment(text)


def line_in(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as unreadable:
        raise CommandError(f"{path} cannot be read.") from unreadable


def complete_jobs(ctx: typer.Context, incomplete: str) -> list[str]:
    """The newest jobs whose codes begin like this."""
    begun = len(incomplete) > len(JOB_PREFIX)
    query = {"q": incomplete if begun else None, "limit": COMPLETED}
    return _completed(ctx, "/api/jobs", "code", incomplete, query)


def complete_models(ctx: typer.Context, incomplete: str) -> list[str]:
    return _completed(ctx, "/api/models", "model_id", incomplete)


def complete_endpoints(ctx: typer.Context, incomplete: str) -> list[str]:
    return _completed(ctx, "/api/webhook-endpoints", "id", incomplete)


def complete_statuses(incomplete: str) -> list[str]:
    """In small letters, too: the command takes both, and a shell only what begins as it was written."""
    names = [name for name in JobStatus.__members__ if name.startswith(incomplete.upper())]
    return [name.lower() for name in names] if incomplete.islower() else names


def _completed(
    ctx: typer.Context, path: str, field: str, incomplete: str, query: Mapping[str, object] | None = None
) -> list[str]:
    """What the API lists and begins like this. Nothing where it cannot be asked: a shell has no place for errors."""
    options = ApiOptions(*(ctx.params.get(name) for name in ("url", "key", "user", "data_dir")))

    async def ask() -> Document:
        async with asyncio.timeout(COMPLETE_WITHIN.total_seconds()), options.api() as api:
            return await api.get(path, query)

    try:
        page = asyncio.run(ask())
    except (CommandError, SettingsError, TimeoutError):
        return []
    return [one[field] for one in page["data"] if one[field].startswith(incomplete)]


JobCode = Annotated[str, typer.Argument(metavar="CODE", help="The job's code: job_…", autocompletion=complete_jobs)]
