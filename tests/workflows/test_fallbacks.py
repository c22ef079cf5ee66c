"""Another vendor's model stands in while no credential of a job's own vendor is used."""

from contextlib import suppress
from pathlib import Path

from sqlmodel import Session, select
from temporalio.client import Client, WorkflowFailureError

from aijobs.domain.jobs.submissions import ProviderRequest, Rejected, SubmitOutcome, Unknown
from aijobs.domain.lifecycle import JobStatus as S
from aijobs.domain.provider_io import Task
from aijobs.persistence.points.audit import violations
from aijobs.persistence.tables import JobRow, SubmissionRow
from tests.workflows.conftest import LOCAL_MODEL, Workbench, running_workbench
from tests.workflows.local import StepProvider
from tests.workflows.test_credentials import Account, Unpaid

OTHER = LOCAL_MODEL.replace("[models.local_v1]", "[models.other_v1]").replace(
    'provider = "local"', 'provider = "other"'
)
CHAIN = f"""{OTHER.replace("unit_point = 1", "unit_point = 7")}
[models.local_v1]
fallback = [{{ model_id = "other_v1", defaults = {{ prompt = "none" }} }}]
"""


class OtherVendor(Account):
    """Knows what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []

    def build_request(self, task: Task) -> ProviderRequest:
        self.asked.append((task.model.model_id, task.params["prompt"]))
        return super().build_request(task)


async def stored(bench: Workbench) -> tuple[JobRow, list[SubmissionRow]]:
    def work(session: Session) -> tuple[JobRow, list[SubmissionRow]]:
        return session.exec(select(JobRow)).one(), list(session.exec(select(SubmissionRow)))

    return await bench.database.read(work)


async def test_what_the_own_vendor_refuses_the_next_of_the_chain_takes_at_the_same_price(
    temporal_client: Client, tmp_path: Path
) -> None:
    own, other = Unpaid(), OtherVendor()
    providers = {"local": own, "other": other}
    async with running_workbench(temporal_client, tmp_path, providers=providers, overlay=CHAIN) as bench:
        job = await bench.start("a lighthouse")
        state = await job.result()
        row, sent = await stored(bench)
        history = await bench.history(job.id)
        broken = await bench.database.snapshot(violations)

    assert state.job_status is S.SUCCESS
    assert other.asked == [("other_v1", "a lighthouse")]
    assert [(one.provider, one.credential, one.fallback, one.outcome) for one in sent] == [
        ("local", None, None, "rejected"),
        ("other", "other", "other_v1", "accepted"),
    ]
    assert (row.model_id, row.points, broken) == ("local_v1", 1, [])
    notes = [event.detail for event in history if "fallback" in event.detail]
    assert notes[0]["fallback"] == notes[1]["fallback"] == "other_v1"
    assert "no credit" in notes[0]["why"]


class Silent(StepProvider):
    """Answers nothing that can be read, and knows nothing of it later."""

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        self.requests += 1
        return Unknown("answered 503")


class Refusing(Account):
    """Takes this request from nobody."""

    async def submit(self, request: ProviderRequest) -> SubmitOutcome:
        self.requests += 1
        return Rejected("provider_rejected", "not this picture")


async def test_nothing_stands_in_for_what_may_have_arrived_or_would_be_refused_again(
    temporal_client: Client, tmp_path: Path
) -> None:
    for own in (Silent([]), Refusing()):
        other = OtherVendor()
        providers = {"local": own, "other": other}
        folder = tmp_path / type(own).__name__
        folder.mkdir()
        async with running_workbench(temporal_client, folder, providers=providers, overlay=CHAIN) as bench:
            job = await bench.start()
            with suppress(WorkflowFailureError):
                await job.result()

        assert (own.requests, other.asked) == (1, [])
