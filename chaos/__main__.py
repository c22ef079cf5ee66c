"""`python -m chaos` kills every process at random, and then checks that nothing was lost, doubled or wrong."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from chaos.hosts.network import why_not
from chaos.hosts.run import run_hosts, summary
from chaos.plan import StormPlan
from chaos.report import show
from chaos.run import run
from chaos.sabotage import SABOTAGES

SEEDS: Final = 10**6

SABOTAGED: Final = StormPlan(
    seed=4,
    jobs=24,
    users=4,
    batches=1,
    batch_rows=8,
    storm=15.0,
    kill_every=8.0,
    long_pauses=False,
    timeout=60.0,
    gentle=True,
)
"""The run for each sabotage. It is short: a guarantee that is broken for every job is found soon."""


def main() -> None:
    args = _arguments()
    plan = StormPlan(
        seed=random.randrange(SEEDS) if args.seed is None else args.seed,
        jobs=args.jobs,
        batches=args.batches,
        batch_rows=args.batch_rows,
        users=args.users,
        workers=args.workers,
        apis=args.apis,
        storm=args.minutes * 60,
        kill_every=args.kill_every,
        timeout=args.timeout * 60,
        gentle=args.gentle,
        patience=args.patience,
        s3=args.store == "s3",
        postgresql=args.database == "postgresql",
    )
    sys.exit(0 if asyncio.run(_proof(plan, args)) else 1)


async def _proof(plan: StormPlan, args: argparse.Namespace) -> bool:
    if args.sabotage is not None:
        return await _sabotaged(args.sabotage, postgresql=plan.postgresql)
    return await (_run_hosts if args.hosts else _run_and_report)(plan, keep=args.keep)


def _arguments() -> argparse.Namespace:
    usual = StormPlan(seed=0)
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the same orders, faults, kills and cuts again; default: any")
    parser.add_argument("--jobs", type=int, default=usual.jobs, help="orders to place (%(default)s)")
    parser.add_argument("--batches", type=int, default=usual.batches, help="besides (%(default)s)")
    parser.add_argument("--batch-rows", type=int, default=usual.batch_rows, help="of each (%(default)s)")
    parser.add_argument("--users", type=int, default=usual.users, help="who place them (%(default)s)")
    parser.add_argument("--minutes", type=float, default=usual.storm / 60, help="of storm (%(default)s)")
    parser.add_argument("--kill-every", type=float, default=usual.kill_every, help="seconds, on average (%(default)s)")
    parser.add_argument("--timeout", type=float, default=usual.timeout / 60, help="minutes until quiet (%(default)s)")
    parser.add_argument("--workers", type=int, default=usual.workers, help="(%(default)s)")
    parser.add_argument("--apis", type=int, default=usual.apis, help="(%(default)s)")
    parser.add_argument("--store", choices=("directory", "s3"), default="directory", help="(%(default)s)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite", help="(%(default)s)")
    parser.add_argument(
        "--hosts",
        action="store_true",
        help="instead, on nine hosts made of network namespaces: each process is replaced, each host cut off (as root)",
    )
    parser.add_argument("--gentle", action="store_true", help="without what takes minutes to be known")
    parser.add_argument("--patience", type=float, default=usual.patience, help="factor of the deadlines (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep all data, and say where")
    parser.add_argument(
        "--sabotage",
        nargs="*",
        metavar="NAME",
        help=f"instead, break one guarantee after the other and see that each is named: {', '.join(SABOTAGES)}",
    )
    return parser.parse_args()


async def _run_hosts(plan: StormPlan, *, keep: bool) -> bool:
    console = Console()
    if problem := why_not():
        console.print(f"No hosts can be made here: {problem}.", markup=False)
        return False
    with _folder(console, plan, keep=keep) as folder:
        outcome = await run_hosts(replace(plan, gentle=True), folder, lambda words: console.print(words, markup=False))
    for line in summary(outcome):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return outcome.passed


async def _run_and_report(plan: StormPlan, *, keep: bool) -> bool:
    """Run, print the report, and return whether every promise held."""
    console = Console()
    with _folder(console, plan, keep=keep) as folder:
        outcome = await run(plan, folder, lambda words: console.print(words, markup=False))
        show(outcome, console)
        return outcome.passed


@contextmanager
def _folder(console: Console, plan: StormPlan, *, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="aijobs-chaos-"))
    console.print(f"Seed {plan.seed}; everything is in {folder}", markup=False, highlight=False, soft_wrap=True)
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


async def _sabotaged(names: list[str], *, postgresql: bool) -> bool:
    """Whether the checker named the broken promise of each sabotage."""
    console = Console()
    named = [await _is_named(name, console, postgresql=postgresql) for name in names or SABOTAGES]
    return all(named)


async def _is_named(name: str, console: Console, *, postgresql: bool) -> bool:
    plan = replace(SABOTAGED, sabotage=name, postgresql=postgresql)
    with tempfile.TemporaryDirectory(prefix="aijobs-chaos-", ignore_cleanup_errors=True) as folder:
        outcome = await run(plan, Path(folder), lambda _: None)
    breaches = Counter(breach.invariant for result in outcome.results for breach in result.breaches)
    expected = SABOTAGES[name].breaks
    found = ", ".join(f"{promise} ({times})" for promise, times in breaches.items()) or "nothing"
    result = "is named" if expected in breaches else f"IS NOT NAMED as a breach of {expected!r}"
    console.print(f"{name} {result}; broken: {found}", markup=False, highlight=False, soft_wrap=True)
    return expected in breaches


if __name__ == "__main__":
    main()
