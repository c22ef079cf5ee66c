"""What must hold after the storm, one promise each; and the checker that names every breach."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from chaos.checks import history, job_invariants, money, outputs
from chaos.evidence import Evidence


@dataclass(frozen=True)
class Breach:
    """A broken promise. The subject is a job's code, or whatever else it is about."""

    invariant: str
    subject: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Invariant:
    """`breaches` yields a subject and what is wrong with it; `size` is how many things it looked at."""

    promise: str
    size: Callable[[Evidence], int]
    breaches: Callable[[Evidence], Iterator[tuple[str, str]]]


@dataclass(frozen=True)
class CheckResult:
    """Of one invariant."""

    name: str
    promise: str
    checked: int
    breaches: list[Breach]


INVARIANTS: Final[dict[str, Invariant]] = {
    "answered": Invariant(
        promise="every order is answered in the end: accepted, always with the same code, or refused for points",
        size=lambda seen: len(seen.witness.accounts),
        breaches=job_invariants.unanswered,
    ),
    "kept": Invariant(
        promise="what was accepted exists exactly once, and nothing exists that was not",
        size=lambda seen: len(seen.every_job),
        breaches=job_invariants.lost_or_doubled,
    ),
    "final": Invariant(
        promise="every accepted job has ended",
        size=lambda seen: len(seen.every_job),
        breaches=job_invariants.unfinished,
    ),
    "one workflow": Invariant(
        promise="every job has exactly one chain of workflow runs, and it is closed",
        size=lambda seen: len(seen.witness.workflows),
        breaches=job_invariants.without_its_one_workflow,
    ),
    "paid once": Invariant(
        promise="the provider accepted each submission, and each job, at most once, and knows what we know",
        size=lambda seen: len(seen.ledger),
        breaches=money.paid_twice,
    ),
    "wanted": Invariant(
        promise="nothing is sent for a job that has ended, or whose owner has asked for its end",
        size=lambda seen: sum(map(len, seen.submissions.values())),
        breaches=money.sent_unwanted,
    ),
    "balance": Invariant(
        promise="points balance per user and day, nobody is above the limit, no reservation is closed twice",
        size=lambda seen: sum(map(len, seen.entries.values())),
        breaches=money.out_of_balance,
    ),
    "just": Invariant(
        promise="points are settled, refunded or held as the job's end and the provider's charge demand",
        size=lambda seen: len(seen.every_job),
        breaches=money.unjustly_closed,
    ),
    "outputs": Invariant(
        promise="every SUCCESS has its outputs in the store, byte for byte as the provider made them",
        size=lambda seen: sum(map(len, seen.outputs.values())),
        breaches=outputs.missing_or_altered,
    ),
    "tidy": Invariant(
        promise="the store has nothing else, and nothing half made",
        size=lambda seen: len(seen.witness.inventory.objects),
        breaches=outputs.stray,
    ),
    "history": Invariant(
        promise="each job's events count 1 to n, follow the legal moves, and end with one final status",
        size=lambda seen: sum(map(len, seen.events.values())),
        breaches=history.irregular,
    ),
    "streams": Invariant(
        promise="what each reader received, over all its connections, is exactly that history",
        size=lambda seen: sum(len(reading.events) for reading in seen.witness.readings),
        breaches=history.misheard,
    ),
    "agreement": Invariant(
        promise="the job's row, its last status event and its workflow's result say the same",
        size=lambda seen: len(seen.every_job),
        breaches=history.contradictory,
    ),
}


def check(seen: Evidence) -> list[CheckResult]:
    return [
        CheckResult(
            name,
            invariant.promise,
            invariant.size(seen),
            [Breach(name, subject, words) for subject, words in invariant.breaches(seen)],
        )
        for name, invariant in INVARIANTS.items()
    ]
