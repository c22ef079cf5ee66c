"""`aijobs sandbox`: the simulated providers, and how they are to behave."""

import asyncio
import re
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer
from pydantic import SecretStr
from rich.text import Text

from aijobs.domain.vendor import SignsWebhooks
from aijobs.providers.registry import PROVIDERS
from aijobs.settings import Settings
from cli import console
from cli.commands.serve import serve
from cli.errors import CommandError, Exit
from cli.options import SANDBOX_FILE, AsJson, DataDir, line_in, load_settings

CONTROL: Final = "/_sandbox"
TIMEOUT: Final = 10.0  #: seconds
#: As the sandbox reads it in metadata and headers; see its fault board.
FAULT: Final = re.compile(r"(?P<fault>[^=@*]+)(=(?P<arg>[^@*]*))?(@(?P<on>\w+))?(\*(?P<times>\d+))?")

QueueSeconds = Annotated[float | None, typer.Option(min=0, max=86_400, help="How long work waits in the queue.")]
WorkSeconds = Annotated[float | None, typer.Option(min=0, max=86_400, help="How long it is then worked on, at least.")]
SandboxUrl = Annotated[
    str | None, typer.Option("--url", help="The sandbox. Default: AIJOBS_SANDBOX_URL, or the one that `up` runs here.")
]

sandbox = typer.Typer(help="Run the sandbox, or say how the one that runs behaves.", invoke_without_command=True)


@sandbox.callback()
def run_sandbox(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free one.")] = 9400,
    queue_seconds: QueueSeconds = 1.0,
    work_seconds: WorkSeconds = 3.0,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Remember everything there. Default: forget it at the end.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Run the sandbox: simulated providers that cost nothing.

    Point a provider's AIJOBS_…__BASE_URL at it. It signs webhooks with the secret that is set for a provider.
    """
    if context.invoked_subcommand is not None:
        return
    from sandbox.config import Pace, SandboxConfig
    from sandbox.server import running

    settings = load_settings(data_dir)
    pace = Pace(queue_seconds=queue_seconds, work_seconds=work_seconds)
    config = SandboxConfig(port=port, pace=pace, webhook_secret=_webhook_secret(settings), data_dir=keep)

    async def run(_: Settings, stop: asyncio.Event) -> None:
        async with running(config) as simulated:
            console.say(f"The sandbox answers at {simulated.url}", indent=0)
            await stop.wait()

    serve(run, settings)


@sandbox.command("fault")
def arm_fault(
    fault: Annotated[str, typer.Argument(metavar="FAULT", help="name[=argument][@operation][*times]; *0 = for ever")],
    url: SandboxUrl = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Let the next matching call of anybody go wrong: `throttled=2@get*3`. `aijobs sandbox faults` lists them."""
    parts = FAULT.fullmatch(fault.strip())
    if parts is None:
        raise CommandError(f"{fault!r} names no fault.", hint="name[=argument][@operation][*times]", code=Exit.USAGE)
    body = {name: value for name, value in parts.groupdict().items() if value is not None}
    armed = _Control(url, data_dir).ask(
        "POST", "/faults", {**body, "times": int(body["times"])} if "times" in body else body
    )
    if as_json:
        console.show_json(armed)
    else:
        console.say(Text(armed["fault"], style="bold"), f"on {armed['on'] or 'every call'}, {_times(armed['times'])}")


@sandbox.command("faults")
def list_faults(
    armed: Annotated[bool, typer.Option("--armed", help="Only those that are armed for everybody.")] = False,
    url: SandboxUrl = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List what can go wrong, or what is armed."""
    listed = _Control(url, data_dir).ask("GET", "/faults" if armed else "/faults/catalogue")
    if as_json:
        console.show_json(listed)
    elif armed:
        rows = [(one["fault"], one["arg"] or "", one["on"] or "", _times(one["times"])) for one in listed["data"]]
        console.show_table(("FAULT", "ARGUMENT", "ON", "HOW OFTEN"), rows) if rows else console.say("None is armed.")
    else:
        console.say(listed["grammar"])
        rows = [(one["fault"], _argument(one), one["on"] or "every call", one["about"]) for one in listed["data"]]
        console.show_table(("FAULT", "ARGUMENT", "ON", "WHAT HAPPENS"), rows)


@sandbox.command("clear")
def clear_faults(url: SandboxUrl = None, data_dir: DataDir = None) -> None:
    """Take back the faults that are armed for everybody."""
    _Control(url, data_dir).ask("DELETE", "/faults")
    console.say("No fault is armed.")


@sandbox.command("pace")
def set_pace(
    queue_seconds: QueueSeconds = None,
    work_seconds: WorkSeconds = None,
    url: SandboxUrl = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show how fast it works, or change it for the jobs that come."""
    wanted = {"queue_seconds": queue_seconds, "work_seconds": work_seconds}
    pace = _Control(url, data_dir).ask("POST", "/pace", {name: one for name, one in wanted.items() if one is not None})
    if as_json:
        console.show_json(pace)
    else:
        console.say(f"{pace['queue_seconds']:g} s in the queue, then {pace['work_seconds']:g} s of work")


@sandbox.command("clock")
def advance_clock(
    seconds: Annotated[float, typer.Argument(min=0, max=366 * 86_400, help="By so much; 0 only shows it.")] = 0,
    url: SandboxUrl = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Put its clock forward: links expire, finished jobs are erased. Work under way keeps its pace."""
    clock = _Control(url, data_dir).ask("POST", "/clock", {"advance_seconds": seconds})
    if as_json:
        console.show_json(clock)
    else:
        console.say(clock["now"], Text(f"{clock['ahead_seconds']:g} s ahead", style="dim"))


@sandbox.command("ledger")
def show_ledger(
    find: Annotated[
        str | None, typer.Option("--find", metavar="TEXT", help="Only the submits that carried it: a token, a name.")
    ] = None,
    url: SandboxUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Print what was submitted, and so paid, as JSON."""
    console.show_json(_Control(url, data_dir).ask("GET", "/ledger", query={"correlation": find} if find else {}))


@sandbox.command("reset")
def reset(url: SandboxUrl = None, data_dir: DataDir = None) -> None:
    """Forget everything: jobs, files, faults, the ledger, the pace and the clock."""
    _Control(url, data_dir).ask("POST", "/reset")
    console.say("It has forgotten everything.")


class _Control:
    """The control endpoints of a sandbox that runs."""

    def __init__(self, url: str | None, data_dir: Path | None) -> None:
        settings = load_settings(data_dir)
        self._url = (url or settings.sandbox or line_in(settings.data_dir / SANDBOX_FILE) or "").rstrip("/")
        if not self._url:
            raise CommandError(
                "No sandbox runs here.", hint="`aijobs up` without keys of vendors starts one; --url names another."
            )

    def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, query: dict[str, str] | None = None
    ) -> Any:
        """The answer as JSON. Raises CommandError."""
        try:
            with httpx.Client(timeout=TIMEOUT, trust_env=False) as http:
                response = http.request(method, f"{self._url}{CONTROL}{path}", json=body, params=query)
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise CommandError(
                f"The sandbox at {self._url} cannot be reached: {failure}", code=Exit.UNREACHABLE
            ) from None
        if response.is_error:
            raise CommandError(f"The sandbox refuses: {_message(response)}")
        try:
            return response.json() if response.content else None
        except ValueError:
            raise CommandError(f"{self._url} is no sandbox.", code=Exit.UNREACHABLE) from None


def _message(response: httpx.Response) -> str:
    try:
        answer = response.json()
    except ValueError:
        return f"status {response.status_code}"
    detail = answer.get("detail", answer) if isinstance(answer, dict) else answer
    return detail if isinstance(detail, str) else str(detail)


def _times(times: int) -> str:
    return f"{times} ×" if times else "until it is cleared"


def _argument(fault: dict[str, Any]) -> str:
    if fault["choices"]:
        return " ".join(fault["choices"])
    default = f"({fault['default']})" if fault["default"] else ""
    return f"{fault['arg'] or ''} {default}".strip()


def _webhook_secret(settings: Settings) -> SecretStr | None:
    """What providers sign their webhooks with; the sandbox has one secret for all of them."""
    sections = (settings.section(name) for name in PROVIDERS)
    secrets = (section.webhook_secret for section in sections if isinstance(section, SignsWebhooks))
    return next(filter(None, secrets), None)
