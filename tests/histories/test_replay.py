"""Replays recorded histories against the code: jobs that run during a deployment must continue."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from worker import SHARED_WITH_WORKFLOWS, workflow_runner
from workflows.ai_batch import AiBatch
from workflows.ai_job import AiJob
from workflows.data_converter import DATA_CONVERTER

HISTORIES = sorted(Path(__file__).parent.rglob("*.json"))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: str(path.relative_to(Path(__file__).parent)))
async def test_a_job_that_began_with_older_code_goes_on(path: Path) -> None:
    history = WorkflowHistory.from_json("job", path.read_text())

    for runner in (workflow_runner(), workflow_runner(passed_through=SHARED_WITH_WORKFLOWS)):  # the strictest last
        replayer = Replayer(workflows=[AiJob, AiBatch], data_converter=DATA_CONVERTER, workflow_runner=runner)
        await replayer.replay_workflow(history)


def test_there_are_histories() -> None:
    assert len(HISTORIES) >= 7
