"""Nothing is lost, nothing is there twice, and everything comes to its end."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from chaos.evidence import Evidence
from chaos.observations import WorkflowObservation

NO_POINTS_LEFT: Final = 402
GOES_ON: Final = "CONTINUED_AS_NEW"
RUNS: Final = "RUNNING"


def unanswered(seen: Evidence) -> Iterator[tuple[str, str]]:
    for key, account in seen.witness.accounts.items():
        if len(set(account.codes)) > 1:
            yield key, f"was answered with several jobs: {', '.join(account.codes)}"
        if account.refusal not in (None, NO_POINTS_LEFT):
            yield key, f"was refused with HTTP {account.refusal}"
        if account.refusal is None and not account.codes:
            yield key, f"was never answered, in {account.tries} tries"


def lost_or_doubled(seen: Evidence) -> Iterator[tuple[str, str]]:
    stored = {row.key: row.answer["body"]["code"] for row in seen.answers if row.answer and row.key in _keys(seen)}
    for key, account in seen.witness.accounts.items():
        for code in account.codes[:1]:
            if code not in seen.jobs:
                yield code, f"was answered to {key} with 202, and does not exist"
            if stored.get(key) != code:
                yield code, f"was answered to {key}, under which {stored.get(key)} is kept"
    named = Counter(stored.values())
    for code in named.keys() | seen.jobs.keys():
        rows, keys = len(seen.jobs.get(code, [])), named[code]
        if (rows, keys) != (1, 1):
            yield code, f"has {rows} rows and is the answer to {keys} idempotency keys"


def _keys(seen: Evidence) -> set[str]:
    return set(seen.witness.accounts)


def unfinished(seen: Evidence) -> Iterator[tuple[str, str]]:
    for job in seen.every_job:
        if not job.job_status.is_final:
            yield job.code, f"is still {job.job_status.name}"


def without_its_one_workflow(seen: Evidence) -> Iterator[tuple[str, str]]:
    runs: dict[str, list[WorkflowObservation]] = defaultdict(list)
    for run in seen.witness.workflows:
        runs[run.code].append(run)
    for code in runs.keys() | seen.jobs.keys():
        if code not in seen.jobs:
            yield code, "is a workflow without a job"
        resets = seen.witness.resets.get(code, 0)
        yield from ((code, complaint) for complaint in _complaints(runs[code], resets))


def _complaints(runs: list[WorkflowObservation], resets: int) -> Iterator[str]:
    """An operator's reset, which may have come to nothing, makes one more run of the chain."""
    chains = {run.first_run_id for run in runs}
    last = [run for run in runs if run.status != GOES_ON]
    if len(chains) != 1:
        yield f"has {len(chains)} workflow chains"
    if not 1 <= len(last) <= 1 + resets and chains:
        yield f"has {len(last)} last runs"
    if any(run.status == RUNS for run in last):
        yield "has a workflow that still runs"
