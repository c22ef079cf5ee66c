"""`aijobs replay`: whether the code that is installed here continues a workflow that ran, or runs, elsewhere."""

import asyncio
import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from aijobs.domain.values.payload_keys import PayloadKeys
from cli import console
from cli.errors import CommandError
from cli.options import load_settings

if TYPE_CHECKING:
    from temporalio.client import WorkflowHistory

MESSAGE: Final = re.compile(r'message: "((?:[^"\\]|\\.)*)"')
"""What the SDK's core says of a failure, within everything else."""


def replay(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="As `temporal workflow show --output json` writes it.")
    ],
    wait: Annotated[float, typer.Option(min=1, help="Seconds that the replay of a history may take.")] = 60.0,
) -> None:
    """Replay histories of workflows with the code that is installed here. The settings' keys decrypt them.

    Nothing is sent, started or written. Exit code 1 when the code would decide otherwise than the history says: workers
    with this code must not continue such a workflow.
    """
    histories = [_history(path) for path in files]
    failures = asyncio.run(_failures(histories, wait, load_settings(None).payloads.ring))
    for path, failure in zip(files, failures, strict=True):
        console.say(console.OK if failure is None else console.WRONG, str(path), "" if failure is None else failure)
    if any(failures):
        raise CommandError("This code does not continue what ran.", hint="Keep the workers of the older version.")


def _history(path: Path) -> "WorkflowHistory":
    """Raises CommandError when the file is not the whole history of a workflow of ours."""
    from google.protobuf.json_format import ParseError
    from temporalio.client import WorkflowHistory

    hint = "temporal workflow show --workflow-id CODE --output json > history.json"
    try:
        history = WorkflowHistory.from_json(path.stem, json.loads(path.read_bytes()))
    except OSError as unreadable:
        raise CommandError(f"{path} cannot be read: {unreadable.strerror}.") from unreadable
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, ParseError) as malformed:
        raise CommandError(f"{path} is not the history of a workflow.", hint=hint) from malformed
    if problem := _problem(history):
        raise CommandError(f"{path}: {problem}", hint=hint)
    return history


def _problem(history: "WorkflowHistory") -> str | None:
    """The SDK's replayer never returns for a history without its beginning."""
    started = history.events[0].workflow_execution_started_event_attributes if history.events else None
    if started is None or not started.original_execution_run_id:
        return "It does not begin with the start of a workflow."
    if [event.event_id for event in history.events] != list(range(1, len(history.events) + 1)):
        return "Events are missing."
    return None


async def _failures(histories: Sequence["WorkflowHistory"], wait: float, keys: PayloadKeys | None) -> list[str | None]:
    """What each replay met; None where it went as the history says."""
    logging.disable()  # the SDK writes tracebacks, and the failure says the same
    return [await _failure(history, wait, keys) for history in histories]


async def _failure(history: "WorkflowHistory", wait: float, keys: PayloadKeys | None) -> str | None:
    from temporalio.worker import Replayer

    from worker import WORKFLOW_CLASSES, workflow_runner
    from workflows.data_converter import data_converter

    converter = data_converter(keys)
    replayer = Replayer(workflows=WORKFLOW_CLASSES, data_converter=converter, workflow_runner=workflow_runner())
    try:
        async with asyncio.timeout(wait):
            result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    except TimeoutError:
        return "The replay does not come to the end of the history."
    if result.replay_failure is None:
        return None
    found = MESSAGE.search(str(result.replay_failure))
    return found[1] if found else str(result.replay_failure).partition("\n")[0]
