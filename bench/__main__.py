"""`python -m bench` runs every benchmark but those of scale, `python -m bench NAME …` those named."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Final, Protocol

from rich.console import Console

from bench import (
    accept,
    batch,
    burst,
    database,
    document_pages,
    documents,
    event_log,
    fanout,
    first_paint,
    history,
    lag,
    output_transfer,
    overload,
    pictures,
    polling,
    queueing,
    stages,
)
from bench.report import Report, show
from bench.scale import archive, in_flight, workers
from cli.errors import CommandError


class Measure(Protocol):
    """One measurement, in full or quickly."""

    def __call__(self, *, quick: bool) -> Awaitable[Report]: ...


class SizedMeasure(Protocol):
    """As Measure, with a number of jobs that differs from its own where one is given."""

    def __call__(self, *, quick: bool, jobs: int | None) -> Awaitable[Report]: ...


FILE_WIDTH: Final = 200  #: characters of a line that is written to a file

Measures = Mapping[str, Measure]

MEASURES: Final[Measures] = {
    "history": history.measure,
    "accept": accept.measure,
    "batch": batch.measure,
    "migration": output_transfer.measure,
    "burst": burst.measure,
    "database": database.measure,
    "lag": lag.measure,
    "fanout": fanout.measure,
    "event_log": event_log.measure,
    "first_paint": first_paint.measure,
    "documents": documents.measure,
    "document_pages": document_pages.measure,
    "stages": stages.measure,
    "pictures": pictures.measure,
    "overload": overload.measure,
    "polling": polling.measure,
    "queueing": queueing.measure,
}

#: They take long and need gigabytes: only where they are named.
SCALE: Final[Mapping[str, SizedMeasure]] = {
    "archive": archive.measure,
    "in_flight": in_flight.measure,
    "workers": workers.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*MEASURES, *SCALE)))
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works, not for figures")
    parser.add_argument("--jobs", type=int, metavar="N", help=f"of {', '.join(SCALE)}: another number of jobs")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(MEASURES) - set(SCALE):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join((*MEASURES, *SCALE))}")
    chosen: Measures = {
        **MEASURES,
        **{name: partial(measure, jobs=arguments.jobs) for name, measure in SCALE.items()},
    }
    names = arguments.names or list(MEASURES)
    sys.exit(asyncio.run(_measure_all({name: chosen[name] for name in names}, quick=arguments.quick)))


async def _measure_all(measures: Measures, *, quick: bool) -> int:
    """A benchmark that fails or times out does not stop the others."""
    console, failed = Console(width=None if sys.stdout.isatty() else FILE_WIDTH), 0
    for name, measure in measures.items():
        try:
            show(await measure(quick=quick), console)
        except TimeoutError:
            console.print(f"\n{name}: no figures, it took too long.", style="red")
            failed = 1
        except CommandError as failure:
            console.print("\n".join((f"\n{name}: no figures. {failure}", *failure.details)), style="red")
            failed = 1
    return failed


if __name__ == "__main__":
    main()
