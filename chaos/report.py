"""Prints a run: what was done, what the results were, and whether every promise held."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table

from aijobs.persistence.tables import JobEventRow, SubmissionRow
from chaos.checks.invariants import Breach
from chaos.evidence import Evidence
from chaos.run import StormResult

EVIDENCE_SHOWN: Final = 10
"""Subjects of breaches whose evidence is printed."""


def show(outcome: StormResult, console: Console) -> None:
    for line in _account(outcome):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    table = Table("promise", "checked", "breaches", title="What must hold", title_justify="left")
    for result in outcome.results:
        found = str(len(result.breaches)) if result.breaches else "none"
        table.add_row(f"{result.name}: {result.promise}", str(result.checked), found)
    console.print(table, markup=False)
    breaches = [breach for result in outcome.results for breach in result.breaches]
    for line in _in_detail(outcome, breaches):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print("Every promise held." if outcome.passed else f"{len(breaches)} breaches.")


def _account(outcome: StormResult) -> Iterator[str]:
    plan, evidence = outcome.plan, outcome.evidence
    assert evidence is not None
    jobs = evidence.every_job
    yield f"seed       {plan.seed}"
    yield f"orders     {len(outcome.orders)} of {plan.users} users, {len(jobs)} accepted"
    yield f"time       {outcome.duration:.0f} s, {len(jobs) / outcome.duration:.1f} jobs/s"
    recovery = "not within the timeout" if outcome.recovery is None else f"{outcome.recovery:.0f} s"
    yield f"recovery   {recovery} from the storm's end until every job had ended"
    yield f"kills      {sum(outcome.harms.values())}: " + _counted(
        {f"{harm} of a {kind}": number for (harm, kind), number in sorted(outcome.harms.items())}
    )
    yield f"operator   {_counted({str(act): number for act, number in outcome.acts.items()})}"
    yield "cuts       " + ", ".join(f"{cut} of {all_} at the {name}" for name, (all_, cut) in outcome.cuts.items())
    job_faults = Counter(order.fault for order in outcome.orders if order.fault)
    yield f"faults     {job_faults.total()} of jobs: {_counted(job_faults)}"
    yield f"           {outcome.faults_injected.total()} standing: {_counted(outcome.faults_injected)}"
    yield f"jobs       {_counted(Counter(job.job_status.name for job in jobs))}"
    yield f"errors     {_counted(Counter(job.error['code'] for job in jobs if job.error))}"
    yield f"points     {_counted(_closings(evidence))}; late watches still running: {outcome.late_watches_left}"
    cancels = Counter(evidence.observations.cancels.values())
    yield f"customers  {_counted(_answers(evidence))}; cancels: {_counted(cancels)}"
    yield f"           failures: {_counted(_failures(evidence))}"
    yield f"batches    {_batches(evidence)}"
    yield f"store      {outcome.tidied} half-made objects of killed processes, which repair clears away after a day"
    for end in outcome.unexpected_ends:
        yield f"by itself  {end}"


def _closings(evidence: Evidence) -> Counter[str]:
    return Counter(" ".join(entry.kind for entry in entries) for entries in evidence.entries.values())


def _answers(evidence: Evidence) -> Counter[str]:
    return Counter(
        "accepted" if account.codes else f"refused with {account.refusal}"
        for account in evidence.observations.accounts.values()
    )


def _batches(evidence: Evidence) -> str:
    sent, left = evidence.observations.batches, evidence.batches
    tries, rows = sum(one.tries for one in sent.values()), sum(len(batch.items) for batch in left)
    refused = sum(one.refusal is not None for one in sent.values())
    standing = _counted(Counter(batch.row.batch_status for batch in left))
    jobs = Counter(job.job_status.name for job in evidence.every_job if job.batch_code is not None)
    return f"{len(sent)} sent in {tries} tries, {refused} refused; {standing} with {rows} rows: {_counted(jobs)}"


def _failures(evidence: Evidence) -> Counter[str]:
    met: Counter[str] = Counter()
    for account in evidence.observations.accounts.values():
        met.update(account.failures)
    return met


def _counted(numbers: Counter[str] | Counter[int] | dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items()) or "none"


def _in_detail(outcome: StormResult, breaches: list[Breach]) -> Iterator[str]:
    evidence = outcome.evidence
    assert evidence is not None
    for breach in breaches:
        yield f"BREACH {breach.invariant}: {breach.subject} {breach.words}"
    for code in list(dict.fromkeys(_code_in(breach.subject) for breach in breaches))[:EVIDENCE_SHOWN]:
        yield from _dossier(outcome, evidence, code)


def _code_in(subject: str) -> str:
    """The job that a key of the store is about."""
    return next((part for part in subject.split("/") if part.startswith("job_")), subject)


def _dossier(outcome: StormResult, evidence: Evidence, code: str) -> Iterator[str]:
    """All evidence about one job."""
    yield f"-- {code}"
    keys = [row.key for row in evidence.answers if row.answer and row.answer["body"].get("code") == code]
    yield from (f"   order      {order}" for order in outcome.orders if order.key in keys)
    yield from (f"   job        {job.job_status.name} {job.error or ''}" for job in evidence.jobs.get(code, []))
    yield from (f"   event      {_event(event)}" for event in evidence.events.get(code, []))
    yield from (f"   submission {_submission(row)}" for row in evidence.submissions.get(code, []))
    yield from (f"   provider   {row.id} {row.created_at} {row.outcome} {row.charge}" for row in evidence.paid(code))
    yield from (
        f"   points     {_at(row.create_time)} {row.kind} {row.points}" for row in evidence.entries.get(code, [])
    )
    yield from (f"   output     {row.index} {row.key} {row.sha256}" for row in evidence.outputs.get(code, []))
    yield from (f"   workflow   {run}" for run in evidence.observations.workflows if run.code == code)


def _event(event: JobEventRow) -> str:
    return f"{event.seq} {_at(event.at)} {event.kind} {event.job_status.name} {event.detail}"


def _submission(row: SubmissionRow) -> str:
    return f"{row.number} {_at(row.intent_at)} {row.token} {row.outcome} {row.ref_id} {row.cause or ''}"


def _at(time: datetime) -> str:
    return f"{time:%H:%M:%S.%f}"
