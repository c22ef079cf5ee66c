"""No job is lost or doubled, and every job ends."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from chaos.evidence import Evidence
from chaos.observations import WorkflowObservation

NO_POINTS_LEFT: Final = 402
CONTINUED: Final = "CONTINUED_AS_NEW"
RUNNING: Final = "RUNNING"


def unanswered(evidence: Evidence) -> Iterator[tuple[str, str]]:
    observed = evidence.observations
    once = {key for key, batch in observed.batches.items() if not batch.is_keyed}
    for key, account in [*observed.accounts.items(), *observed.batches.items()]:
        if len(set(account.codes)) > 1:
            yield key, f"was answered with several jobs or batches: {', '.join(account.codes)}"
        if account.refusal not in (None, NO_POINTS_LEFT):
            yield key, f"was refused with HTTP {account.refusal}"
        if account.refusal is None and not account.codes and key not in once:
            yield key, f"was never answered, in {account.tries} tries"


def lost_or_doubled(evidence: Evidence) -> Iterator[tuple[str, str]]:
    stored = {
        row.key: row.answer["body"]["code"] for row in evidence.answers if row.answer and row.key in _keys(evidence)
    }
    for key, account in evidence.observations.accounts.items():
        for code in account.codes[:1]:
            if code not in evidence.jobs:
                yield code, f"was answered to {key} with 202, and does not exist"
            if stored.get(key) != code:
                yield code, f"was answered to {key}, under which {stored.get(key)} is kept"
    named = Counter(stored.values())
    for code in named.keys() | {job.code for job in evidence.every_job if job.batch_code is None}:
        rows, keys = len(evidence.jobs.get(code, [])), named[code]
        if (rows, keys) != (1, 1):
            yield code, f"has {rows} rows and is the answer to {keys} idempotency keys"


def _keys(evidence: Evidence) -> set[str]:
    return set(evidence.observations.accounts)


def unfinished(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for job in evidence.every_job:
        if not job.job_status.is_final:
            yield job.code, f"is still {job.job_status.name}"


def without_its_one_workflow(evidence: Evidence) -> Iterator[tuple[str, str]]:
    runs: dict[str, list[WorkflowObservation]] = defaultdict(list)
    for run in evidence.observations.workflows:
        runs[run.code].append(run)
    for code in runs.keys() | evidence.jobs.keys():
        if code not in evidence.jobs:
            yield code, "is a workflow without a job"
        resets = evidence.observations.resets.get(code, 0)
        yield from ((code, problem) for problem in _problems(runs[code], resets))


def _problems(runs: list[WorkflowObservation], resets: int) -> Iterator[str]:
    """Each reset by an operator may add one run to the chain; a reset may also have failed."""
    chains = {run.first_run_id for run in runs}
    last = [run for run in runs if run.status != CONTINUED]
    if len(chains) != 1:
        yield f"has {len(chains)} workflow chains"
    if not 1 <= len(last) <= 1 + resets and chains:
        yield f"has {len(last)} last runs"
    if any(run.status == RUNNING for run in last):
        yield "has a workflow that still runs"
