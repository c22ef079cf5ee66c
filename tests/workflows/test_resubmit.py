"""What came to nothing by the vendor's own word is sent once more, where the catalogue allows it."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from temporalio.client import Client, WorkflowFailureError

from aijobs.domain.jobs.submissions import Outcome, ProviderRequest, Ref, Rejected, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.points import EntryKind
from aijobs.domain.provider_io import Charge, Snapshot
from aijobs.persistence.points.ledger import entries_of
from tests.workflows.conftest import Workbench, running_workbench
from tests.workflows.local import StepProvider

S = JobStatus
ALLOWED: Final = "[models.local_v1]\nresubmit = true\n"


class Interrupted(StepProvider):
    """Is interrupted in its first works, or refuses the first requests by mistake. Implements Provider."""

    def __init__(self, *, interruptions: int = 0, mistakes: int = 0, charge: Charge | None = None) -> None:
        super().__init__([S.QUEUED, (S.PROCESSING, 40.0), S.GENERATED])
        self._interruptions, self._mistakes, self._charge = interruptions, mistakes, charge
        self.tokens: list[str] = []
        self.canceled: list[Ref] = []

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        self.tokens.append(request.body["token"])
        if len(self.tokens) <= self._mistakes:
            return Rejected("provider_rejected", "There is no such model.", once_more=True)
        return await super().submit(request)

    async def query(self, ref: Ref) -> Snapshot:
        snapshot = await super().query(ref)
        if snapshot.status is S.GENERATED and self.tokens.index(ref["id"]) < self._interruptions:
            return replace(snapshot, status=S.FAILED, nothing_made=True, charge=self._charge)
        return snapshot


async def outcomes(bench: Workbench, code: str) -> tuple[list[object], Outcome | None]:
    """The numbers of submissions that were voided, and the outcome of the last one."""
    last = await bench.records.submissions.last_submission(code)
    voided = [event.detail["submission"] for event in await bench.history(code) if "voided" in event.detail]
    return voided, last.outcome if last else None


@pytest.mark.parametrize("trouble", [{"interruptions": 1}, {"mistakes": 1}], ids=["work", "request"])
async def test_a_job_is_sent_once_more(temporal_client: Client, tmp_path: Path, trouble: dict[str, Any]) -> None:
    provider = Interrupted(**trouble)
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}, overlay=ALLOWED) as bench:
        job = await bench.start()
        state = await job.result()
        seen = await outcomes(bench, job.id)
        progress = [event.overall_progress for event in await bench.history(job.id)]

    assert state.job_status is S.SUCCESS
    assert len(set(provider.tokens)) == len(provider.tokens) == 2
    assert seen == ([1], Outcome.ACCEPTED)
    assert progress == sorted(progress)


@pytest.mark.parametrize(
    ("trouble", "overlay", "sent"),
    [
        ({"interruptions": 2}, ALLOWED, 2),
        ({"mistakes": 2}, ALLOWED, 2),
        ({"interruptions": 1}, "", 1),
        ({"mistakes": 1}, "", 1),
        ({"interruptions": 1, "charge": Charge(amount=Decimal(1), unit="credits")}, ALLOWED, 1),
    ],
    ids=["interrupted twice", "refused twice", "interrupted, not allowed", "refused, not allowed", "charged"],
)
async def test_a_job_is_not_sent_again(
    temporal_client: Client, tmp_path: Path, trouble: dict[str, Any], overlay: str, sent: int
) -> None:
    provider = Interrupted(**trouble)
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}, overlay=overlay) as bench:
        job = await bench.start()
        with pytest.raises(WorkflowFailureError):
            await job.result()
        voided, last = await outcomes(bench, job.id)
        entries = [entry.kind for entry in await bench.database.read(entries_of, job.id)]

    assert len(provider.tokens) == sent
    assert voided == [1][: sent - 1]
    assert last in (Outcome.ACCEPTED, Outcome.REJECTED)
    assert entries == [EntryKind.RESERVE, EntryKind.REFUND]
