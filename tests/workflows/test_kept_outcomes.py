"""What a provider has answered to a submit is not lost with the database."""

from pathlib import Path

from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.routing import Routing
from activities.submission import SubmissionActivities
from aijobs.domain.errors import DatabaseUnavailable
from aijobs.domain.jobs.circuits import Trial
from aijobs.domain.jobs.job import JobState
from aijobs.domain.jobs.slots.limits import LimitsSettings
from aijobs.domain.jobs.submissions import Outcome, Submission, SubmitOutcome
from aijobs.domain.lifecycle import JobStatus
from aijobs.persistence.jobs.queries import brief_of
from aijobs.persistence.jobs.submissions import DatabaseSubmissionLog
from aijobs.persistence.slots.outlook import SlotRules
from tests.workflows.conftest import running_workbench
from tests.workflows.local import StepProvider


class Away(DatabaseSubmissionLog):
    """Its database is away when the first outcome is told, and when it is told again."""

    tries = 0

    async def conclude(self, submission: Submission, outcome: SubmitOutcome, *, trial: Trial | None = None) -> JobState:
        self.tries += 1
        if self.tries <= 2:
            raise DatabaseUnavailable("The database cannot be used: it is away.")
        return await super().conclude(submission, outcome, trial=trial)


async def test_an_answer_is_kept_while_the_database_is_away(temporal_client: Client, tmp_path: Path) -> None:
    """Else the job would wait for an answer that was there, and its points be held."""
    provider = StepProvider([JobStatus.PROCESSING])
    async with running_workbench(temporal_client, tmp_path, providers={"local": provider}) as bench:
        brief = brief_of(await bench.draft(), bench.catalogue)
        activities = SubmissionActivities(
            Away(bench.database, SlotRules(LimitsSettings(), bench.catalogue)),
            Routing(bench.catalogue, {"local": provider}, bench.records.credential_health),
            bench.adapters.store,
            None,
            bench.records.start_conditions,
            secret=bench.adapters.secret,
        )

        submitted = await ActivityEnvironment().run(activities.submit, brief)

        known = await bench.records.submissions.last_submission(brief.code)
    assert known is not None
    assert (known.outcome, known.ref) == (Outcome.ACCEPTED, submitted.ref)
    assert submitted.job_status is JobStatus.SUBMITTED
    assert provider.requests == 1
