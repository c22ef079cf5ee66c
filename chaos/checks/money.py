"""Nothing is paid twice, and points are closed as the provider really charged."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from aijobs.domain.jobs.events import EventKind
from aijobs.domain.jobs.job import Stage
from aijobs.domain.jobs.submissions import Outcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind, closing_entry
from aijobs.persistence.tables import JobRow, SubmissionRow
from chaos.evidence import Evidence
from sandbox.persistence.ledger import Charge, LedgerRow

CLOSINGS: Final = frozenset({EntryKind.SETTLE, EntryKind.REFUND})


def paid_twice(evidence: Evidence) -> Iterator[tuple[str, str]]:
    submissions = {row.token: row for rows in evidence.submissions.values() for row in rows}
    for token, times in Counter(row.correlation for row in evidence.ledger).items():
        if token not in submissions:
            yield str(token), "is the token of a paid submit that we know nothing of"
        elif times > 1:
            yield submissions[token].job_code, f"paid {times} times for one submission"
    for code, rows in evidence.submissions.items():
        yield from ((code, problem) for problem in _job_problems(evidence, code, rows))


def _job_problems(evidence: Evidence, code: str, rows: list[SubmissionRow]) -> Iterator[str]:
    accepted = [row for row in rows if row.outcome == Outcome.ACCEPTED]
    voided = [row for row in rows if row.outcome == Outcome.VOIDED]
    taken = _taken(evidence, code)
    if len(accepted) > 1:
        yield f"has {len(accepted)} accepted submissions"
    if len(voided) > 1:
        yield f"was sent once more {len(voided)} times"
    if len(taken) > 1:
        yield f"was taken by the provider {len(taken)} times"
    for row in rows:
        yield from _submission_problems(row.outcome, row.ref_id, row.token, evidence.paid(code))


def _taken(evidence: Evidence, code: str) -> list[LedgerRow]:
    """What the provider took of a job, without what came to nothing by its own word."""
    rows = evidence.submissions.get(code, [])
    voided = {row.token for row in rows if row.outcome == Outcome.VOIDED}
    return [row for row in evidence.paid(code) if row.correlation not in voided]


def _submission_problems(outcome: str | None, ref_id: str | None, token: str, paid: list[LedgerRow]) -> Iterator[str]:
    taken = [row for row in paid if row.correlation == token]
    if outcome == Outcome.REJECTED and taken:
        yield "has a submission that counts as rejected, and is paid for"
    if outcome == Outcome.VOIDED and any(row.charge is not Charge.FREE for row in taken):
        yield "has a submission that was voided, and is paid for"
    if outcome == Outcome.ACCEPTED and ref_id not in {row.id for row in taken}:
        yield f"has the provider's reference {ref_id}, which is not what it paid for"


def sent_after_end(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for code, rows in evidence.submissions.items():
        for event in evidence.events.get(code, []):
            is_end = event.kind == EventKind.STATUS and event.job_status.is_final
            if not is_end and not (event.kind == EventKind.NOTE and "cancel" in event.detail):
                continue
            why = f"ended as {event.job_status.name}" if is_end else "was to be canceled"
            for row in rows:
                if row.intent_at > event.at:
                    yield code, f"{why} at {event.at:%H:%M:%S.%f}, and was sent at {row.intent_at:%H:%M:%S.%f}"


def out_of_balance(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for problem in evidence.imbalances:
        yield next((word for word in problem.split() if word.startswith("job_")), "points"), problem
    for code, entries in evidence.entries.items():
        closings = [entry.kind for entry in entries if entry.kind in CLOSINGS]
        if len(closings) > 1:
            yield code, f"was closed {len(closings)} times: {', '.join(closings)}"


def wrongly_closed_points(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for job in evidence.every_job:
        if job.job_status.is_final:
            kinds = [EntryKind(entry.kind) for entry in evidence.entries.get(job.code, [])]
            yield from ((job.code, problem) for problem in _points_problems(evidence, job, kinds))


def _points_problems(evidence: Evidence, job: JobRow, kinds: list[EntryKind]) -> Iterator[str]:
    policy = evidence.catalogue.model(job.model_id).points
    legal = {closing_entry(job.job_status, policy, provider_may_charge=may) for may in (False, True)}
    if kinds[1:2] and kinds[1] not in legal:
        yield f"is {job.job_status.name}, and its points were closed with {kinds[1]}"
    if (
        job.job_status is JobStatus.FAILED
        and job.error
        and job.error.get("stage") == Stage.SUBMIT
        and _taken(evidence, job.code)
    ):
        yield f"failed at the submit ({job.error.get('code')}), but the provider took it"
    if job.job_status is not JobStatus.TIMEOUT:
        return
    charged = any(row.charge is Charge.CHARGED for row in evidence.paid(job.code))
    if kinds[-1] is EntryKind.REFUND and charged:
        yield "is a TIMEOUT whose points were refunded, but the provider finished and charges"
    if kinds[-1] is EntryKind.SETTLE and not charged:
        yield "is a TIMEOUT whose points were charged, but the provider made nothing"
