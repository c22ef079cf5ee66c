"""A job's progress, live: a checklist of statuses with two bars, plain lines, or JSON lines."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from rich.cells import set_cell_size
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.lifecycle import BAD_ENDS, ORDER, JobStatus
from cli import console, terminal_text
from cli.words.wording import in_words

FRAMES_PER_SECOND: Final = 10
BAR_WIDTH: Final = 40
UNIT_BAR_WIDTH: Final = 20


class ProgressView(Protocol):
    """Shows every event of a job, in order."""

    def show_event(self, event: JobEvent) -> None: ...

    def connection_lost(self, reason: str) -> None:
        """Show that the connection to the API is lost, and is being opened again."""
        ...


class JsonProgress:
    """Each event as a line of JSON, as the API sends it."""

    def show_event(self, event: JobEvent) -> None:
        console.show_json(event.model_dump(mode="json"))

    def connection_lost(self, reason: str) -> None:
        console.warn(f"{reason} Trying again.")


class PlainProgress:
    """A line for each event."""

    def __init__(self) -> None:
        self._began: datetime | None = None

    def show_event(self, event: JobEvent) -> None:
        self._began = self._began or event.at
        after = console.seconds((event.at - self._began).total_seconds())
        if event.kind is EventKind.NOTE:
            if waits := waits_for(event.detail.get("waiting")):
                console.say(f"{after:>9}  {waits}")
            return
        unit = "" if event.unit_progress is None else console.percent(event.unit_progress)
        named = f"{event.job_status_name:<10}  {set_cell_size(event.job_status.zh, 6)}  {event.job_status.en:<10}"
        more = "  ".join(filter(None, (_stage(event), _foretold(event))))
        console.say(f"{after:>9}  {named}  {unit:>5}  {in_words('overall')} {event.overall_progress:6.2f} %  {more}")

    def connection_lost(self, reason: str) -> None:
        console.say(f"{reason} Trying again.")


class LiveProgress:
    """The checklist, redrawn several times a second."""

    def __init__(self) -> None:
        self._entered: dict[JobStatus, datetime] = {}
        self._latest: JobEvent | None = None
        self._interruption = ""
        self._waits = ""
        self._spinner = Spinner("dots", style="cyan")

    def show_event(self, event: JobEvent) -> None:
        self._interruption = ""
        if event.kind is EventKind.NOTE:
            self._waits = waits_for(event.detail["waiting"]) if "waiting" in event.detail else self._waits
            return
        self._latest, self._waits = event, ""
        self._entered.setdefault(event.job_status, event.at)

    def connection_lost(self, reason: str) -> None:
        self._interruption = terminal_text.one_line(in_words(f"{reason} Trying again."))

    def __rich__(self) -> RenderableType:
        if self._latest is None:
            return Text(f"  {self._interruption or '…'}", style="dim")
        below = [Text(f"  {line}", style="yellow") for line in (self._waits, self._interruption) if line]
        return Group(self._checklist(self._latest), Text(""), self._overall(self._latest), *below)

    def _checklist(self, latest: JobEvent) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=3, justify="right")
        for _ in ("zh", "en"):
            table.add_column(no_wrap=True)
        table.add_column(justify="right", min_width=8, style="dim")
        table.add_column()
        for status in self._entered_statuses() if latest.job_status in BAD_ENDS else ORDER:
            table.add_row(*self._line(status, latest))
        return table

    def _entered_statuses(self) -> list[JobStatus]:
        """In order; the last one is the current status."""
        return [status for status in (*ORDER, *BAD_ENDS) if status in self._entered]

    def _line(self, status: JobStatus, latest: JobEvent) -> tuple[RenderableType, ...]:
        entered_at = self._entered.get(status)
        if entered_at is None:
            mark = "–" if status.is_before(latest.job_status) else "·"
            return (Text(mark, style="dim"), *_names(status, "dim"), "", "")
        is_current = status is latest.job_status
        after = console.seconds((entered_at - self._began).total_seconds())
        unit = _unit_bar(latest) if is_current and not status.is_final else Text("")
        return (self._mark(status, latest), *_names(status, "bold" if is_current else ""), after, unit)

    def _mark(self, status: JobStatus, latest: JobEvent) -> RenderableType:
        if status in BAD_ENDS:
            return console.WRONG
        if status is latest.job_status and not status.is_final:
            return self._spinner
        ended_here = latest.job_status in BAD_ENDS and status is self._entered_statuses()[-2]
        return Text("–", style="dim") if ended_here else console.OK

    def _overall(self, latest: JobEvent) -> RenderableType:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_row(
            Text(" "),
            _bar(latest.overall_progress, BAR_WIDTH, "green" if latest.job_status is JobStatus.SUCCESS else "cyan"),
            Text(f"{latest.overall_progress:.0f} %".rjust(5)),
            Text(console.seconds(self._elapsed(latest)), style="dim"),
        )
        return grid

    def _elapsed(self, latest: JobEvent) -> float:
        until = latest.at if latest.job_status.is_final else max(latest.at, datetime.now(UTC))
        return (until - self._began).total_seconds()

    @property
    def _began(self) -> datetime:
        return min(self._entered.values())


def opened_progress_view(*, as_json: bool = False) -> AbstractContextManager[ProgressView]:
    """The view that fits the output: JSON lines, plain lines, or a live display in a terminal."""
    if as_json:
        return nullcontext(JsonProgress())
    if not console.OUT.is_terminal:
        return nullcontext(PlainProgress())
    return _LiveDisplay(LiveProgress)


class _LiveDisplay(AbstractContextManager[ProgressView]):
    """Draws the view until the block ends; the last state stays on the screen."""

    def __init__(self, new: Callable[[], LiveProgress]) -> None:
        self._view = new()
        self._live = Live(self._view, console=console.OUT, refresh_per_second=FRAMES_PER_SECOND)

    def __enter__(self) -> ProgressView:
        self._live.start()
        return self._view

    def __exit__(self, *_: object) -> None:
        self._live.stop()


def waits_for(waiting: Mapping[str, Any] | None) -> str:
    """What a job waits for, in one line, with local times; empty when it waits for nothing."""
    if not waiting:
        return ""
    times = (("next", "next_at"), ("at the latest", "gives_up_at"), ("starts about", "estimated_start"))
    known = [in_words(f"{label} {console.local_time(waiting[name])}") for label, name in times if waiting.get(name)]
    place = [in_words(f"place {waiting['position']} in line")] if waiting.get("position") else []
    return terminal_text.one_line(" · ".join((in_words(waiting["message"]), *place, *known)))


def _names(status: JobStatus, weight: str) -> tuple[Text, Text]:
    style = weight if weight == "dim" else f"{weight} {console.STYLE_OF[status]}".strip()
    return Text(status.zh, style=style), Text(status.en, style=style)


def _unit_bar(event: JobEvent) -> RenderableType:
    unit = event.unit_progress
    if unit is None:
        return console.text(_foretold(event), style="dim")
    grid = Table.grid(padding=(0, 2, 0, 0))
    stage = console.text(" ".join(filter(None, (_stage(event), _foretold(event)))), style="dim")
    grid.add_row(_bar(unit, UNIT_BAR_WIDTH, "cyan"), Text(console.percent(unit).rjust(5)), stage)
    return grid


def _stage(event: JobEvent) -> str:
    """`stage 2 of 4`, for a generation that has several stages."""
    known = event.kind is EventKind.PROGRESS and {"stage", "stages"} <= event.detail.keys()
    return in_words(f"stage {event.detail['stage']} of {event.detail['stages']}") if known else ""


def _foretold(event: JobEvent) -> str:
    """`estimated, ends about 2026-11-21 10:01:00`, where the time of jobs before it says so."""
    ends = event.detail.get("estimated_end")
    mark = in_words("estimated") if event.detail.get("estimated") else ""
    end = in_words(f"ends about {console.local_time(ends)}") if ends else ""
    return ", ".join(filter(None, (mark, end)))


def _bar(value: float, width: int, style: str) -> ProgressBar:
    return ProgressBar(total=100, completed=value, width=width, complete_style=style, finished_style=style)
