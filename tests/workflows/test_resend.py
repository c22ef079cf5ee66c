"""An unknown submission at a vendor with an idempotency key: the same request, sent again, gives the same job."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client, WorkflowFailureError

from aijobs.domain.jobs.submissions import (
    Accepted,
    Found,
    ProviderRequest,
    Ref,
    Rejected,
    Search,
    Submission,
    SubmitOutcome,
    Unknown,
)
from aijobs.domain.lifecycle import JobStatus
from aijobs.domain.provider_io import RESEND_MARGIN, Charge, Snapshot
from tests.workflows.conftest import Workbench, running_workbench
from tests.workflows.local import CAPABILITIES, StepProvider

S = JobStatus
A_DAY: Final = timedelta(days=1)


class Keyed(StepProvider):
    """Knows a request by its token, and loses the answers to the first `lost` sends. Implements Provider."""

    def __init__(self, *, lost: int, window: timedelta | None = A_DAY, refusal: Rejected | None = None) -> None:
        super().__init__([S.QUEUED, S.GENERATED])
        self.capabilities = replace(CAPABILITIES, resend_window=window)
        self._lost = lost
        self._refusal = refusal
        self.sent: list[ProviderRequest] = []
        self.made: set[str] = set()
        self.searches = 0
        self.search: Found | Search = Search.IMPOSSIBLE

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        self.sent.append(request)
        self.made.add(request.body["token"])
        if len(self.sent) <= self._lost:
            return Unknown("no answer")
        return self._refusal or Accepted({"id": request.body["token"]})

    async def query(self, ref: Ref) -> Snapshot:
        return replace(await super().query(ref), charge=Charge(amount=Decimal(5), unit="credits"))

    async def reconcile(self, _submission: Submission, *, known_ids: frozenset[str]) -> Found | Search:
        self.searches += 1
        return self.search


async def notes(bench: Workbench, code: str, name: str) -> list[object]:
    return [event.detail[name] for event in await bench.history(code) if name in event.detail]


async def test_an_unknown_submission_is_resolved_by_the_same_request(temporal_client: Client, tmp_path: Path) -> None:
    provider = Keyed(lost=2)
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        state = await job.result()
        resolved, again = await notes(bench, job.id, "resolved"), await notes(bench, job.id, "sent")
        charges = await notes(bench, job.id, "charge")

    assert state.job_status is S.SUCCESS
    assert len(provider.made) == 1
    assert provider.sent == [provider.sent[0]] * 3
    assert (resolved, again) == (["accepted"], ["again", "again"])
    assert charges == [{"amount": "5", "unit": "credits"}]


async def test_what_is_found_is_not_sent_again(temporal_client: Client, tmp_path: Path) -> None:
    provider = Keyed(lost=1)
    provider.search = Found({"id": "p1"})
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        state = await (await bench.start()).result()

    assert state.job_status is S.SUCCESS
    assert len(provider.sent) == 1


@pytest.mark.parametrize("window", [None, RESEND_MARGIN], ids=["no key", "too late"])
async def test_without_a_key_that_is_still_known_nothing_is_sent_again(
    temporal_client: Client, tmp_path: Path, window: timedelta | None
) -> None:
    provider = Keyed(lost=1, window=window)
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        while provider.searches < 5:
            await asyncio.sleep(0.05)
        await job.signal("cancel", "enough")
        with pytest.raises(WorkflowFailureError):
            await job.result()

    assert len(provider.sent) == 1


async def test_a_refusal_of_the_second_request_says_nothing_about_the_first(
    temporal_client: Client, tmp_path: Path
) -> None:
    provider = Keyed(lost=1, refusal=Rejected("provider_rejected", "this key is used"))
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        job = await bench.start()
        while len(provider.sent) < 3:
            await asyncio.sleep(0.05)
        provider.search = Found({"id": "p1"})
        state = await job.result()

    assert state.job_status is S.SUCCESS


async def test_what_may_be_arriving_again_is_not_absent(temporal_client: Client, tmp_path: Path) -> None:
    provider = Keyed(lost=4)
    provider.search = Search.ABSENT
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        state = await (await bench.start()).result()

    assert state.job_status is S.SUCCESS
    assert len(provider.made) == 1
