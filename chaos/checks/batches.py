"""A batch is there whole and once, or not at all, and each of its rows is one job."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from aijobs.domain.jobs.batches.batch import BatchStatus
from aijobs.domain.points import EntryKind
from aijobs.persistence.tables import BatchItemRow, JobRow
from chaos.evidence import BatchEvidence, Evidence
from chaos.observations import BatchObservation

ORDER: Final = "order"
"""The key of a batch's metadata that names the order."""


def not_row_by_row(evidence: Evidence) -> Iterator[tuple[str, str]]:
    jobs: dict[str, list[JobRow]] = defaultdict(list)
    for job in evidence.every_job:
        if job.batch_code is not None:
            jobs[job.batch_code].append(job)
    left: dict[str, list[BatchEvidence]] = defaultdict(list)
    for batch in evidence.batches:
        code, own = batch.row.code, jobs.pop(batch.row.code, [])
        if batch.row.batch_status == BatchStatus.LOADING:
            if own or batch.reserved:
                yield code, f"was never accepted, and has {len(own)} jobs and {batch.reserved} points"
            continue
        left[batch.row.extra.get(ORDER, "")].append(batch)
        yield from ((code, problem) for problem in _batch_problems(evidence, batch, own))
    for code, own in jobs.items():
        yield code, f"is the batch of {len(own)} jobs, and does not exist"
    for order in left.keys() | evidence.observations.batches.keys():
        account = evidence.observations.batches.get(order)
        yield from ((order, problem) for problem in _order_problems(account, left[order]))


def _order_problems(account: BatchObservation | None, left: list[BatchEvidence]) -> Iterator[str]:
    """What an order for a batch has left behind."""
    codes = [batch.row.code for batch in left]
    if account is None:
        yield f"has left {', '.join(codes)}, and was not sent"
        return
    if len(codes) > 1:
        yield f"has left several batches: {', '.join(codes)}"
    if account.codes and account.codes[0] not in codes:
        yield f"was answered with {account.codes[0]}, and has left {', '.join(codes) or 'nothing'}"
    if account.refusal is not None and codes:
        yield f"was refused with HTTP {account.refusal}, and has left {', '.join(codes)}"
    sent = list(zip(account.users, account.images, strict=True))
    for batch in left:
        stored = [(item.user_id, item.params["image"]) for item in batch.items]
        if [item.number for item in batch.items] != list(range(batch.row.total)) or stored != sent:
            yield f"has left {batch.row.code} with {len(stored)} rows, which are not the {len(sent)} that were sent"


def _batch_problems(evidence: Evidence, batch: BatchEvidence, own: list[JobRow]) -> Iterator[str]:
    if batch.row.batch_status != BatchStatus.DONE or batch.row.ended_at is None:
        yield f"is {batch.row.batch_status}, and has ended at {batch.row.ended_at}"
    if batch.reserved:
        yield f"has {batch.reserved} points reserved"
    for code, times in Counter(item.job_code for item in batch.items if item.job_code).items():
        if times > 1:
            yield f"has {times} rows that are the job {code}"
    for item in batch.items:
        yield from (f"has a row {item.number} that {problem}" for problem in _row_problems(evidence, batch, item))
    of_rows = {code for item in batch.items for code in _chain(evidence, item.job_code)}
    yield from (f"has a job {job.code} that is none of its rows'" for job in own if job.code not in of_rows)
    statuses = Counter(job.job_status for item in batch.items if (job := evidence.job(item.job_code or "")))
    if batch.progress.counts != statuses:
        told = {status.name: count for status, count in batch.progress.counts.items()}
        yield f"counts {told}, and its rows' jobs are { ({status.name: count for status, count in statuses.items()}) }"
    if batch.progress.charged != (kept := sum(_kept(evidence, job) for job in own)):
        yield f"says {batch.progress.charged} points charged, and its jobs have kept {kept}"


def _row_problems(evidence: Evidence, batch: BatchEvidence, item: BatchItemRow) -> Iterator[str]:
    job = evidence.job(item.job_code or "")
    if job is None:
        yield "is no job" if item.job_code is None else f"is the job {item.job_code}, which does not exist"
        return
    if job.batch_code != batch.row.code:
        yield f"is {job.code}, a job of {job.batch_code or 'no batch'}"
    if (job.user_id, job.params, job.extra) != (item.user_id, item.params, item.extra):
        yield f"is {job.code}, which was accepted with something else"
    if item.job_status is not job.job_status:
        yield f"is {item.job_status.name if item.job_status else 'waiting'}, and its job {job.job_status.name}"
    if item.charged != _kept(evidence, job):
        yield f"has kept {item.charged} points, and its job {_kept(evidence, job)}"
    image = json.dumps(item.params["image"])
    for submission in evidence.submissions.get(job.code, []):
        if image not in json.dumps(submission.request):
            yield f"is {job.code}, for which another photo was sent"


def _chain(evidence: Evidence, code: str | None) -> Iterator[str]:
    """A job and those that it was run again for."""
    while code is not None and (job := evidence.job(code)):
        yield code
        code = job.rerun_of


def _kept(evidence: Evidence, job: JobRow) -> int:
    """What the ledger has not given back of a job's points."""
    return 0 if any(entry.kind == EntryKind.REFUND for entry in evidence.entries.get(job.code, [])) else job.points
