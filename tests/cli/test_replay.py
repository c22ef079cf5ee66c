"""`aijobs replay`: histories of workflows against the code that is installed."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.errors import Exit
from tests.cli.command import ROOT, aijobs_process

HISTORY = ROOT / "tests" / "histories" / "v0_3" / "success.json"


def written(folder: Path, history: Any) -> str:
    path = folder / "history.json"
    path.write_text(json.dumps(history))
    return str(path)


async def test_what_this_code_continues_is_named(tmp_path: Path) -> None:
    done = await aijobs_process("replay", str(HISTORY), folder=tmp_path)

    assert done.code == Exit.SUCCESS
    assert f"✓ {HISTORY}" in done.out


async def test_a_history_of_other_steps_is_not_continued(tmp_path: Path) -> None:
    history = json.loads(HISTORY.read_text())
    key = "activityTaskScheduledEventAttributes"
    next(event[key] for event in history["events"] if key in event)["activityType"]["name"] = "another"

    done = await aijobs_process("replay", written(tmp_path, history), "--wait", "5", folder=tmp_path)

    assert done.code == Exit.ERROR
    assert "✗" in done.out
    assert "This code does not continue what ran." in done.err


async def test_a_workflow_of_others_is_not_continued(tmp_path: Path) -> None:
    history = json.loads(HISTORY.read_text())
    history["events"][0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"] = "Foreign"

    done = await aijobs_process("replay", written(tmp_path, history), folder=tmp_path)

    assert done.code == Exit.ERROR
    assert "Workflow class Foreign is not registered" in done.out


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        ([], "is not the history of a workflow"),
        ({"jobs": 3}, "is not the history of a workflow"),
        ({"events": []}, "does not begin with the start of a workflow"),
        ({"events": [{"eventId": "1"}]}, "does not begin with the start of a workflow"),
    ],
)
async def test_what_is_no_history_is_refused(tmp_path: Path, history: Any, problem: str) -> None:
    done = await aijobs_process("replay", written(tmp_path, history), folder=tmp_path)

    assert done.code == Exit.ERROR
    assert problem in done.err


async def test_a_history_with_a_hole_is_refused(tmp_path: Path) -> None:
    history = json.loads(HISTORY.read_text())
    del history["events"][3]

    done = await aijobs_process("replay", written(tmp_path, history), folder=tmp_path)

    assert "Events are missing." in done.err
