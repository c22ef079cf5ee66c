"""The result of a benchmark, and how it is printed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from rich.box import MARKDOWN, SIMPLE_HEAD, Box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Aim:
    """A target, and whether it was met."""

    words: str
    met: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """`columns` name what `rows` hold; the first column is text, the others are figures."""

    title: str
    how: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    aims: Sequence[Aim] = ()
    notes: Sequence[str] = ()


def show(report: Report, console: Console) -> None:
    """As Markdown where it goes to a file, for the documentation."""
    console.print(Group(*_parts(report, box=SIMPLE_HEAD if console.is_terminal else MARKDOWN)))


def _parts(report: Report, *, box: Box) -> Iterator[RenderableType]:
    yield Text(f"\n{report.title}", style="bold")
    yield Text(report.how, style="dim")
    table = Table(box=box)
    for position, column in enumerate(report.columns):
        table.add_column(column, justify="right" if position else "left")
    for row in report.rows:
        table.add_row(*row)
    yield table
    for aim in report.aims:
        yield Text.assemble(("  kept   " if aim.met else "  missed ", "green" if aim.met else "red"), aim.words)
    for note in report.notes:
        yield Text(f"  note   {note}")


def p50_p95(samples: Sequence[float]) -> tuple[float, float]:
    return median(samples), quantiles(samples, n=20, method="inclusive")[-1]


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def ratio(ours: float, bare: float) -> str:
    return f"{ours / bare:.2f} x"
