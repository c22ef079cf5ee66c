"""The command line's output: colours for meanings in a terminal, plain lines elsewhere.

All output passes through here and is made harmless for terminals: see terminal_text.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.highlighter import JSONHighlighter
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from aijobs.domain.lifecycle import JobStatus
from cli import terminal_text
from cli.errors import CommandError
from cli.words.wording import in_words, label, words

PLAIN_WIDTH: Final = 1000  #: columns, when the output is no terminal: nothing is cut off for programs
NEVER_CUT: Final = frozenset({"CODE", "ID", "JOB"})  #: columns that people copy from

OK: Final = Text("✓", style="green")
WRONG: Final = Text("✗", style="red")
DOUBT: Final = Text("!", style="yellow")
IDLE: Final = Text("·", style="dim")

STYLE_OF: Final = {
    JobStatus.DRAFT: "dim",
    JobStatus.SUBMITTED: "blue",
    JobStatus.QUEUED: "blue",
    JobStatus.PROCESSING: "cyan",
    JobStatus.GENERATED: "cyan",
    JobStatus.MIGRATING: "cyan",
    JobStatus.SUCCESS: "green",
    JobStatus.FAILED: "red",
    JobStatus.TIMEOUT: "yellow",
    JobStatus.CANCELED: "yellow",
}


class HarmlessConsole(Console):
    """A console whose texts cannot control the terminal; rich's own control codes still work."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=terminal_text.lines(segment.text))


def _console(*, stderr: bool) -> Console:
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return HarmlessConsole(stderr=stderr, highlight=False, width=None if is_terminal else PLAIN_WIDTH)


OUT: Final = _console(stderr=False)
ERR: Final = _console(stderr=True)


def say(*parts: str | Text, indent: int = 2) -> None:
    """A line on stdout; texts are never read as markup."""
    OUT.print(_line(parts, indent=indent), soft_wrap=True)


def warn(*parts: str | Text) -> None:
    """A line on stderr."""
    ERR.print(_line(parts, indent=0), soft_wrap=True)


def show_json(document: Any) -> None:
    """One line for programs, indented in a terminal."""
    sys.stdout.write(_json(document, indent=2 if OUT.is_terminal else None) + "\n")
    sys.stdout.flush()


def show_document(document: Any) -> None:
    """Indented JSON within other output."""
    json_text = Text(_json(document, indent=2))
    OUT.print(JSONHighlighter()(json_text) if OUT.is_terminal else json_text, soft_wrap=True)


def compact(document: object) -> str:
    """JSON within a line."""
    return _json(document, indent=None)


def show_error(error: CommandError, *, as_json: bool = False) -> None:
    """On stderr; for programs as one JSON document."""
    if as_json:
        told = {"message": str(error), "details": error.details, "hint": error.hint or None, "exit_code": error.code}
        sys.stderr.write(_json({"error": told}, indent=None) + "\n")
        return
    warn(Text("Error:", style="bold red"), str(error))
    for line in error.details:
        place, colon, problem = line.partition(": ")
        warn(Text(f"  {place}{colon}{in_words(problem)}" if colon else f"  {in_words(line)}"))
    if error.hint:
        warn(Text(error.hint, style="dim"))


def show_table(
    columns: Iterable[str],
    rows: Iterable[Iterable[str | Text]],
    *,
    right: Iterable[str] = (),
    widest: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Aligned columns without lines. `right`: columns of numbers; `widest`: how wide some may be in a terminal.

    In a narrow terminal, ids are not cut.
    """
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    texts = [list(_texts(row)) for row in rows]
    for index, column in enumerate(columns):
        min_width = max((row[index].cell_len for row in texts), default=0) if column in NEVER_CUT else None
        table.add_column(
            in_words(column),
            justify="right" if column in right else "left",
            no_wrap=True,
            min_width=min_width,
            max_width=widest.get(column) if OUT.is_terminal else None,
        )
    for row in texts:
        table.add_row(*row)
    OUT.print(Padding(table, (0, 0, 0, 2), expand=False))


def show_pairs(pairs: Iterable[tuple[str, str | Text]]) -> None:
    """Names and values, line by line; empty values are left out."""
    shown = [(label(name), value) for name, value in pairs if value]
    width = max((cell_len(name) for name, _ in shown), default=0)
    for name, value in shown:
        say(Text(set_cell_size(name, width + 2), style="dim"), value)


def status_text(status: JobStatus) -> Text:
    """`Processing`, or `生成中` where the terminal's language is Chinese."""
    return Text(words().status(status), style=STYLE_OF[status])


def percent(value: float) -> str:
    return f"{value:.0f} %"


def size(count: int) -> str:
    """Bytes as people read them: `58 kB`, `1.2 MB`."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB"


def pixels(width: int | None, height: int | None) -> str:
    """`1280×854`, or nothing when it is not a picture."""
    return f"{width}×{height}" if width and height else ""


def seconds(count: float) -> str:
    """`0.4 s`, `2 min 05 s`, `3 h 20 min`."""
    if count < 60:
        return f"{count:.1f} s"
    minutes, rest = divmod(round(count), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def age(timestamp: str | None) -> str:
    """How long ago an RFC 3339 time was: `12s`, `5m`, `3h`, `9d`."""
    if not timestamp:
        return ""
    passed = max(0, int((datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if passed >= length:
            return f"{passed // length}{unit}"
    return f"{passed}s"


def local_time(timestamp: str | None) -> str:
    """An RFC 3339 time in the local time zone."""
    return f"{datetime.fromisoformat(timestamp).astimezone():%Y-%m-%d %H:%M:%S}" if timestamp else ""


def short(path: Path) -> str:
    """The path relative to the current directory, if it is below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def text(part: str | Text, style: str = "") -> Text:
    """One line, without characters that control a terminal."""
    return terminal_text.one_line_of(part if isinstance(part, Text) else Text(part, style=style))


def _line(parts: Iterable[str | Text], *, indent: int) -> Text:
    line = Text(" " * indent).append_text(Text(" ").join(_texts(map(_in_words, parts))))
    line.rstrip()
    return line


def _in_words(part: str | Text) -> str | Text:
    """A styled text keeps its style, where it has one alone."""
    if isinstance(part, str):
        return in_words(part)
    return part if part.spans else Text(in_words(part.plain), style=part.style)


def _texts(parts: Iterable[str | Text]) -> list[Text]:
    return [text(part) for part in parts]


def _json(document: Any, *, indent: int | None) -> str:
    return terminal_text.json_text(json.dumps(document, ensure_ascii=False, indent=indent))
