"""The invariants that must hold after a run, and the checker that names every breach."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from chaos.checks import batches, history, job_invariants, limits, money, outputs
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
        promise="every order and batch is answered in the end: accepted, always as the same, or refused for points",
        size=lambda evidence: len(evidence.observations.accounts) + len(evidence.observations.batches),
        breaches=job_invariants.unanswered,
    ),
    "kept": Invariant(
        promise="what was accepted exists exactly once, and nothing exists that was not",
        size=lambda evidence: len(evidence.every_job),
        breaches=job_invariants.lost_or_doubled,
    ),
    "batches": Invariant(
        promise="a batch is there whole and once, or not at all; each row is one job; its counts and points are theirs",
        size=lambda evidence: sum(len(batch.items) for batch in evidence.batches),
        breaches=batches.not_row_by_row,
    ),
    "final": Invariant(
        promise="every accepted job has ended",
        size=lambda evidence: len(evidence.every_job),
        breaches=job_invariants.unfinished,
    ),
    "one workflow": Invariant(
        promise="every job has exactly one chain of workflow runs, and it is closed",
        size=lambda evidence: len(evidence.observations.workflows),
        breaches=job_invariants.without_its_one_workflow,
    ),
    "paid once": Invariant(
        promise="the provider accepted each submission, and each job, at most once, and knows what we know",
        size=lambda evidence: len(evidence.ledger),
        breaches=money.paid_twice,
    ),
    "in flight": Invariant(
        promise="by the provider's own count, never more were in flight than allowed, of all and of each user",
        size=lambda evidence: len(evidence.at_work),
        breaches=limits.above_limits,
    ),
    "wanted": Invariant(
        promise="nothing is sent for a job that has ended, or whose owner has asked for its end",
        size=lambda evidence: sum(map(len, evidence.submissions.values())),
        breaches=money.sent_after_end,
    ),
    "balance": Invariant(
        promise="points balance per user and day, nobody is above the limit, no reservation is closed twice",
        size=lambda evidence: sum(map(len, evidence.entries.values())),
        breaches=money.out_of_balance,
    ),
    "just": Invariant(
        promise="points are settled, refunded or held as the job's end and the provider's charge demand",
        size=lambda evidence: len(evidence.every_job),
        breaches=money.wrongly_closed_points,
    ),
    "outputs": Invariant(
        promise="every SUCCESS has its outputs in the store, byte for byte as the provider made them",
        size=lambda evidence: sum(map(len, evidence.outputs.values())),
        breaches=outputs.missing_or_altered,
    ),
    "tidy": Invariant(
        promise="the store has nothing else, and nothing half made",
        size=lambda evidence: len(evidence.observations.inventory.objects),
        breaches=outputs.stray,
    ),
    "history": Invariant(
        promise="each job's events count 1 to n, follow the legal moves, and end with one final status",
        size=lambda evidence: sum(map(len, evidence.events.values())),
        breaches=history.irregular_events,
    ),
    "streams": Invariant(
        promise="what each reader received, over all its connections, is exactly that history",
        size=lambda evidence: sum(len(reading.events) for reading in evidence.observations.readings),
        breaches=history.wrong_streams,
    ),
    "agreement": Invariant(
        promise="the job's row, its last status event and its workflow's result say the same",
        size=lambda evidence: len(evidence.every_job),
        breaches=history.contradictions,
    ),
}


def check(evidence: Evidence) -> list[CheckResult]:
    return [
        CheckResult(
            name,
            invariant.promise,
            invariant.size(evidence),
            [Breach(name, subject, words) for subject, words in invariant.breaches(evidence)],
        )
        for name, invariant in INVARIANTS.items()
    ]
