"""Proof that the checker can fail: one of our processes with one guarantee broken on purpose.

`python -m chaos.sabotage NAME api|worker`. The checker has to name the promise that the sabotage breaks.
"""

import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlmodel import Session
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from aijobs.adapters.storage.digest import Digest
from aijobs.adapters.storage.directory import DirectoryStore
from aijobs.domain.catalogue import Model
from aijobs.domain.jobs.events import EventKind, JobEvent
from aijobs.domain.jobs.job import JobBrief, JobState
from aijobs.domain.jobs.outputs import StoredObject, StoredOutput
from aijobs.domain.jobs.submissions import ProviderRequest, Rejected, SubmitOutcome, Unknown
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind
from aijobs.domain.provider_io import SubmitInput
from aijobs.persistence.access import idempotency
from aijobs.persistence.access.idempotency import IdempotencyClaim, Receipt
from aijobs.persistence.batches.feed import DatabaseBatchFeed
from aijobs.persistence.jobs import endings, gate, submissions
from aijobs.persistence.jobs.event_log import events_after
from aijobs.persistence.jobs.outputs import DatabaseOutputLog
from aijobs.persistence.jobs.submissions import DatabaseSubmissionLog
from aijobs.persistence.points import ledger
from aijobs.persistence.tables import BatchItemRow, BatchRow, IdempotencyRow, JobRow
from aijobs.persistence.tables.locked_jobs import AnyJob
from aijobs.providers.replicate.adapter import Replicate
from aijobs.usecases import accept_job
from api.streaming import sse
from cli.main import run
from cli.signals import exit_now
from workflows import client
from workflows.ai_job import AiJob
from workflows.task_queues import WORKFLOWS

UNTIL_COMMIT: Final = 0.5  #: seconds


@dataclass(frozen=True)
class Sabotage:
    """What is replaced, by what, and which promise that breaks."""

    breaks: str
    owner: Any
    name: str
    replacement: Callable[..., Any]
    also: tuple[tuple[Any, str, Callable[..., Any]], ...] = ()  #: further guards of the same promise

    def apply(self) -> None:
        for owner, name, replacement in ((self.owner, self.name, self.replacement), *self.also):
            setattr(owner, name, replacement)


_submit = Replicate.submit
_put = DirectoryStore.put
_record = gate.record
_advance = gate.DatabaseJobGate.advance
_add = DatabaseOutputLog.add
_submit_input = DatabaseSubmissionLog.submit_input
_accept_item = DatabaseBatchFeed._accept_item


async def _send_twice(self: Replicate, request: ProviderRequest) -> SubmitOutcome:
    await _submit(self, request)
    return await _submit(self, request)


async def _send_again(self: Replicate, request: ProviderRequest) -> SubmitOutcome:
    """As clients do that mistake a lost response for a lost request."""
    outcome = await _submit(self, request)
    return Rejected("lost", outcome.cause, may_retry=True) if isinstance(outcome, Unknown) else outcome


def _refund_twice(session: Session, job: AnyJob, kind: EntryKind) -> None:
    ledger.close(session, job, kind)
    if kind is EntryKind.REFUND:
        ledger._change(session, job, used=-job.points)


def _settle_always(*_: object, **__: object) -> EntryKind:
    return EntryKind.SETTLE


def _admit_all(*_: object, **__: object) -> None:
    """Nobody waits for a slot."""


def _drop_events(session: Session, job: AnyJob, kind: EventKind, detail: dict[str, Any]) -> bool:
    if job.job_status is not JobStatus.MIGRATING:
        return _record(session, job, kind, detail)
    job.event_seq += 1
    return False


async def _store_nothing(
    self: DirectoryStore,
    key: str,
    chunks: AsyncIterator[bytes],
    *,
    media_type: str,
) -> StoredObject:
    digest = Digest()
    async for chunk in chunks:
        digest.update(chunk)
    return StoredObject(key=key, size=digest.size, sha256=digest.sha256)


async def _store_more(self: DirectoryStore, key: str, chunks: AsyncIterator[bytes], *, media_type: str) -> StoredObject:
    async def nothing() -> AsyncIterator[bytes]:
        yield b"left over"

    await _put(self, f"{key}.bak", nothing(), media_type=media_type)
    return await _put(self, key, chunks, media_type=media_type)


async def _report_migrating(self: gate.DatabaseJobGate, code: str, to: JobStatus, **more: Any) -> JobState:
    state = await _advance(self, code, to, **more)
    return JobState.of(code, JobStatus.MIGRATING) if to is JobStatus.SUCCESS else state


async def _add_and_report_migrating(
    self: DatabaseOutputLog, code: str, *outputs: StoredOutput, **more: Any
) -> JobState:
    state = await _add(self, code, *outputs, **more)
    return JobState.of(code, JobStatus.MIGRATING) if state.job_status is JobStatus.SUCCESS else state


def _forget_the_key(*_: object, **__: object) -> IdempotencyClaim | None:
    return None


def _claim_regardless(session: Session, request: IdempotencyClaim) -> Receipt | None:
    """Overwrites the claim of a request that came at the same moment, and had not committed when it was looked for."""
    session.merge(
        IdempotencyRow(
            owner=request.owner,
            key=request.key,
            request_sha256=request.request_sha256,
            meaning_sha256=request.meaning_sha256,
            create_time=request.made_at,
        )
    )
    session.flush()
    time.sleep(UNTIL_COMMIT)
    return None


async def _never_end(self: gate.DatabaseJobGate, code: str, to: JobStatus, **more: Any) -> JobState:
    return JobState.of(code, to) if to.is_final else await _advance(self, code, to, **more)


async def _add_and_never_end(
    self: DatabaseOutputLog, code: str, *outputs: StoredOutput, complete_at: int | None = None
) -> JobState:
    state = await _add(self, code, *outputs)
    return state if complete_at is None else JobState.of(code, JobStatus.SUCCESS)


def _skip_events(session: Session, code: str, seq: int, **more: Any) -> list[JobEvent]:
    """For readers who come back."""
    return events_after(session, code, seq + 1 if seq else 0, **more)


def _ignore_cancel_request(_session: Session, _job: AnyJob) -> str | None:
    return None


async def _lose_the_cancel(_self: object, _code: str) -> None:
    """As a process does that dies between storing the cancel request and sending it to Temporal."""


def _allow_sending(_session: Session, _job: AnyJob) -> None: ...


async def _never_ended(self: DatabaseSubmissionLog, code: str) -> SubmitInput:
    return replace(await _submit_input(self, code), state=JobState.of(code, JobStatus.DRAFT))


async def _start_twice(temporal: Client, brief: JobBrief) -> None:
    for _ in range(2):
        await temporal.start_workflow(
            AiJob.run,
            brief,
            id=brief.code,
            task_queue=WORKFLOWS,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        )


def _feed_twice(self: DatabaseBatchFeed, session: Session, batch: BatchRow, model: Model, item: BatchItemRow) -> JobRow:
    """As two feeders do that do not wait for each other."""
    _accept_item(self, session, batch, model, item)
    return _accept_item(self, session, batch, model, item)


SABOTAGES: Final[dict[str, Sabotage]] = {
    "send-twice": Sabotage("paid once", Replicate, "submit", _send_twice),
    "send-again": Sabotage("paid once", Replicate, "submit", _send_again),
    "refund-twice": Sabotage("balance", gate, "close", _refund_twice),
    "settle-always": Sabotage("just", endings, "closing_entry", _settle_always),
    "drop-events": Sabotage("history", gate, "record", _drop_events),
    "success-before-upload": Sabotage("outputs", DirectoryStore, "put", _store_nothing),
    "leave-leftovers": Sabotage("tidy", DirectoryStore, "put", _store_more),
    "other-result": Sabotage(
        "agreement",
        gate.DatabaseJobGate,
        "advance",
        _report_migrating,
        ((DatabaseOutputLog, "add", _add_and_report_migrating),),
    ),
    "forget-the-key": Sabotage("answered", accept_job, "claim_for", _forget_the_key),
    "claim-regardless": Sabotage("answered", idempotency, "claim", _claim_regardless),
    "never-end": Sabotage(
        "final", gate.DatabaseJobGate, "advance", _never_end, ((DatabaseOutputLog, "add", _add_and_never_end),)
    ),
    "skip-events": Sabotage("streams", sse, "events_after", _skip_events),
    "send-the-unwanted": Sabotage(
        "wanted",
        gate,
        "cancel_reason_of",
        _ignore_cancel_request,
        ((client.TemporalJobEngine, "cancel", _lose_the_cancel),),
    ),
    "send-the-ended": Sabotage(
        "wanted", gate, "require_not_canceled", _allow_sending, ((DatabaseSubmissionLog, "submit_input", _never_ended),)
    ),
    "forget-the-slots": Sabotage("in flight", submissions, "admit", _admit_all),
    "feed-twice": Sabotage("batches", DatabaseBatchFeed, "_accept_item", _feed_twice),
    "start-twice": Sabotage("one workflow", client, "start_job", _start_twice),
}


if __name__ == "__main__":
    SABOTAGES[sys.argv[1]].apply()
    exit_now(run(sys.argv[2:]))
