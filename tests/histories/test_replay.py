"""Replays recorded histories against the code: jobs that run during a deployment must continue."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowRunner

from worker import SHARED_WITH_WORKFLOWS, workflow_runner
from workflows.ai_batch import AiBatch
from workflows.ai_job import AiJob
from workflows.data_converter import DATA_CONVERTER

HISTORIES = sorted(Path(__file__).parent.rglob("*.json"))
LATEST = Path(__file__).parent / "v0_3"


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: str(path.relative_to(Path(__file__).parent)))
async def test_a_job_that_began_with_older_code_goes_on(path: Path) -> None:
    history = WorkflowHistory.from_json("job", path.read_text())

    for runner in (workflow_runner(), workflow_runner(passed_through=SHARED_WITH_WORKFLOWS)):  # the strictest last
        await _replayed(history, runner)


async def _replayed(history: WorkflowHistory, runner: WorkflowRunner) -> None:
    """Raises when the workflow would do anything else than what the history says."""
    replayer = Replayer(workflows=[AiJob, AiBatch], data_converter=DATA_CONVERTER, workflow_runner=runner)
    await replayer.replay_workflow(history)


async def test_a_cancel_while_the_late_watch_starts_leaves_the_watch_alone() -> None:
    """The points of a job that has ended are held until the watch has heard of its real end."""
    recorded = json.loads((LATEST / "late.json").read_text())
    events = recorded["events"]
    kinds = [event["eventType"] for event in events]
    started = kinds.index("EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED")
    cancel = {
        "eventTime": events[started]["eventTime"],
        "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED",
        "workflowExecutionCancelRequestedEventAttributes": {"cause": "enough"},
    }
    events.insert(started, cancel)
    history = WorkflowHistory.from_json("job", json.dumps(_numbered(recorded, behind=started)))

    async with asyncio.timeout(60):  # a cancel of the watch would not be in the history, and be waited for
        await _replayed(history, workflow_runner())


def _numbered(history: Any, *, behind: int) -> Any:
    """With the numbers of events, and what refers to them, as they are after one was put in there."""
    for number, event in enumerate(history["events"], start=1):
        event["eventId"] = str(number)
        for attributes in [value for name, value in event.items() if name.endswith("Attributes")]:
            for name in [name for name in attributes if name.endswith("EventId")]:
                if int(attributes[name]) > behind:
                    attributes[name] = str(int(attributes[name]) + 1)
    return history


def test_there_are_histories() -> None:
    assert len(HISTORIES) >= 7
